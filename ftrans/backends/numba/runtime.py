"""Run whole programs in compiled code: what a program is as tables of numbers, and the functions that carry them out.

    ftrans_execute(program, objects)       check inputs, allocate outputs, run the steps
    ftrans_run, ftrans_worker              one run of steps, by blocks along an axis, on several threads
    ftrans_step(step, ...)                 one kernel: fill in its sizes and arguments, call it

Signatures are data, not code: these functions are compiled once and stored. tables.py makes the tables; the names of
their columns stand in columns.py. A number is an int64; addresses are of memory that the program's Python object keeps alive.

Temporaries live in an arena that the process keeps and a running program takes away (others then make their own), so any number of
threads can run programs, and a fork finds nothing half done. Threads are started for one run and joined at its end (20 µs): no
pool is shared, so neither forks nor nested calls nor other pools can block it. It does not matter which thread computes a block.

A program that releases Python's lock holds a reference to each input meanwhile, and reads no field of an object: addresses and
strides are copied before. The counts of BLAS_USERS and BLAS_KEPT change only under the lock.
"""

from __future__ import annotations

import sys

from . import calls
from .asm import Module
from .columns import ANY, UNSIGNED, Input, Kind, Made, Operand, Output, Program, Run, Status, Step, Where
from .layout import DATA, DESCR, DIMS, FLAGS, HEAD, ITEMSIZE, KIND, NDIM, STRIDES
from .machine import Code

CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
PTHREADS = sys.platform != "win32"  # elsewhere a run is one thread's
STACK_BYTES = 16384  # an arena of at most so many bytes lies on the stack
BLAS_USERS, BLAS_KEPT = "@ftrans_blas_users", "@ftrans_blas_kept"  # running programs with products; BLAS's threads without them


def functions() -> str:
    """All functions as one module's text."""
    module = Module()
    blas = (blas_enter, blas_leave, blas_threads)
    inside = (step, worker, run, set_threads, arena_take, arena_give, *blas, check_input, extent, finish_output, execute)
    for make in (*inside, calls.by_list, calls.take, calls.make_result, calls.call):
        function = make()
        module.add_function(function.name, function)
    variables = ["@ftrans_arena = internal global ptr null", "@ftrans_threads = global i64 1"]
    variables += [f"{name} = internal global i32 {value}" for name, value in ((BLAS_USERS, 0), (BLAS_KEPT, 1))]
    return "\n".join([*variables, module.text()])


NAMES = ("ftrans_list", "ftrans_call", "ftrans_set_threads", "ftrans_blas_threads")


# ---- steps and runs --------------------------------------------------------------------------------------------------


def step() -> Code:
    """One kernel call; count < 0: all of it, else so many of the run's extent from start on."""
    f = Code("void", "ftrans_step", "ptr %step, ptr %addresses, ptr %strides, i64 %start, i64 %count", "noinline")
    axes, operands = f.word("%step", Step.AXES), f.word("%step", Step.OPERANDS)
    sizes, row = f.word("%step", Step.SIZES, "ptr"), f.alloca("ptr")
    f.store("ptr", f.word("%step", Step.ROWS, "ptr"), row)
    arguments, split = f.array("i64", f.times(operands, f.plus(axes, 1))), f.word("%step", Step.AXIS)
    own, part = f.array("i64", f.plus(axes, 1)), f.let("icmp sge i64 %count, 0")
    unit = f.word("%step", Step.UNIT)
    with f.when(part):
        with f.loop(axes) as a:
            f.store("i64", f.at(sizes, a, "i64"), f.element("i64", own, a))
        f.store("i64", f.times("%count", unit), f.element("i64", own, split))
    first = f.either(part, "i64", f.times("%start", unit), "0")
    with f.loop(operands) as k:
        here = f.load("ptr", row)
        value, starts, moves = [f.word(here, n) for n in (Operand.VALUE, Operand.STARTS, Operand.MOVES)]
        address = f.alloca("i64")
        f.store("i64", f.at("%addresses", value, "i64"), address)
        strides, target = f.at("%strides", value), f.element("i64", arguments, f.times(k, f.plus(axes, 1)))
        dims = f.element("i64", here, Operand.SIZE)
        factors = f.element("i64", dims, axes)
        begins = f.element("i64", factors, axes)
        with f.loop(axes) as a:
            dim, place = f.at(dims, a, "i64"), f.element("i64", target, f.plus(a, 1))
            f.store("i64", "0", place)
            with f.when(f.let(f"icmp sge i64 {dim}, 0")):
                stride = f.times(f.at(strides, dim, "i64"), f.at(factors, a, "i64"))
                f.store("i64", stride, place)
                with f.when(f.is_(a, split)):
                    shift = f.times(f.times(first, moves), stride)
                    f.store("i64", f.plus(f.load("i64", address), shift), address)
        with f.loop(starts) as n:
            pair = f.row(begins, n, 2)
            offset = f.times(f.at(strides, f.word(pair, 0), "i64"), f.word(pair, 1))
            f.store("i64", f.plus(f.load("i64", address), offset), address)
        f.store("i64", f.load("i64", address), target)
        f.store("ptr", f.element("i64", begins, f.times(starts, 2)), row)
    chosen = f.either(part, "ptr", own, sizes)
    f.do(f"call void {f.word('%step', Step.KERNEL, 'ptr')}(ptr {chosen}, ptr {arguments})")
    f.ret()
    return f


# What the threads of a run share: the run, addresses, strides, the number of values, scratch; the next chunk and the next thread.
SHARED = 7


def worker() -> Code:
    """Take chunks of a run until there are none left. Its scratch is that of its number."""
    f = Code("ptr", "ftrans_worker", "ptr %shared")
    row, old, strides = [f.word("%shared", n, "ptr") for n in range(3)]
    values, scratch = f.word("%shared", 3), f.word("%shared", 4)
    number = f.let(f"atomicrmw add ptr {f.element('i64', '%shared', 6)}, i64 1 seq_cst")
    addresses = f.array("i64", values)
    with f.loop(values) as k:
        f.store("i64", f.at(old, k, "i64"), f.element("i64", addresses, k))
    mine = f.plus(scratch, f.times(number, f.word(row, Run.SCRATCH_BYTES)))
    locals_ = f.word(row, Run.LOCAL_ROWS, "ptr")
    with f.loop(f.word(row, Run.LOCALS)) as k:
        pair = f.row(locals_, k, 2)
        f.store("i64", f.plus(mine, f.word(pair, 1)), f.element("i64", addresses, f.word(pair, 0)))
    chunks, length, extent = f.word(row, Run.CHUNKS), f.word(row, Run.CHUNK), f.word(row, Run.EXTENT)
    steps, rows = f.word(row, Run.STEPS), f.word(row, Run.STEP_ROWS, "ptr")
    with f.forever() as end:
        chunk = f.let(f"atomicrmw add ptr {f.element('i64', '%shared', 5)}, i64 1 seq_cst")
        f.stop_unless(f.let(f"icmp slt i64 {chunk}, {chunks}"), end)
        start = f.times(chunk, length)
        count = f.intrinsic("smin", "i64", length, f.let(f"sub i64 {extent}, {start}"))
        with f.loop(steps) as n:
            call_step(f, f.row(rows, n, Step.SIZE), addresses, strides, start, count)
    f.ret("null")
    return f


def call_step(f: Code, row: str, addresses: str, strides: str, start: str, count: str) -> None:
    f.do(f"call void @ftrans_step(ptr {row}, ptr {addresses}, ptr {strides}, i64 {start}, i64 {count})")


def run() -> Code:
    """All steps of a run: whole, by chunks, or by chunks on several threads."""
    f = Code("void", "ftrans_run", "ptr %row, ptr %addresses, ptr %strides, i64 %values, i64 %arena")
    steps, rows, chunks = f.word("%row", Run.STEPS), f.word("%row", Run.STEP_ROWS, "ptr"), f.word("%row", Run.CHUNKS)
    with f.when(f.is_(chunks, 1)):
        with f.loop(steps) as n:
            call_step(f, f.row(rows, n, Step.SIZE), "%addresses", "%strides", "0", "-1")
        f.branch("end")
        f.label("unreached")
    shared = f.alloca("i64", SHARED)
    scratch = f.plus("%arena", f.word("%row", Run.SCRATCH))
    contents = [
        ("ptr", "%row"),
        ("ptr", "%addresses"),
        ("ptr", "%strides"),
        ("i64", "%values"),
        ("i64", scratch),
        ("i64", "0"),
        ("i64", "0"),
    ]
    for k, (type_, value) in enumerate(contents):
        f.store(type_, value, f.element("i64", shared, k))
    if PTHREADS:
        handles, made = start_threads(f, shared, chunks)
    f.do(f"call ptr @ftrans_worker(ptr {shared})")
    if PTHREADS:
        with f.loop(f.load("i64", made)) as n:
            f.call("i32", "pthread_join", f"i64 {f.at(handles, n, 'i64')}", "ptr null")
    f.branch("end")
    f.label("end")
    f.ret()
    return f


def start_threads(f: Code, shared: str, chunks: str) -> tuple[str, str]:
    """Start as many threads as a run may use besides this one; gives their handles, and where their number is."""
    limit = f.load("i64", "@ftrans_threads")
    threads = f.intrinsic("smin", "i64", f.intrinsic("smin", "i64", f.word("%row", Run.THREADS), limit), chunks)
    others = f.intrinsic("smax", "i64", f.let(f"sub i64 {threads}, 1"), "0")
    handles, made = f.array("i64", f.plus(others, 1)), f.alloca("i64")
    f.store("i64", "0", made)
    with f.loop(others):  # a thread that cannot be had is done without
        place = f.element("i64", handles, f.load("i64", made))
        failed = f.call("i32", "pthread_create", f"ptr {place}", "ptr null", "ptr @ftrans_worker", f"ptr {shared}")
        started = f.let(f"zext i1 {f.is_(failed, 0, 'i32')} to i64")
        f.store("i64", f.plus(f.load("i64", made), started), made)
    return handles, made


def set_threads() -> Code:
    """How many threads a run may use at most."""
    f = Code("void", "ftrans_set_threads", "i64 %n")
    f.store("i64", "%n", "@ftrans_threads")
    f.ret()
    return f


# ---- memory ----------------------------------------------------------------------------------------------------------


def arena_take() -> Code:
    """Memory of so many bytes, the process's arena if that is free and large enough; its size stands in front of it."""
    f = Code("i64", "ftrans_arena_take", "i64 %bytes")
    kept = f.let("atomicrmw xchg ptr @ftrans_arena, ptr null seq_cst")
    with f.when(f.let(f"icmp ne ptr {kept}, null")):
        with f.when(f.let(f"icmp sge i64 {f.load('i64', kept)}, %bytes")):
            f.ret(f.let(f"ptrtoint ptr {kept} to i64"))
            f.label("unreached")
        f.call("void", "free", f"ptr {kept}")
    fresh = f.call("ptr", "malloc", f"i64 {f.plus('%bytes', 128)}")
    with f.when(f.let(f"icmp ne ptr {fresh}, null")):
        f.store("i64", "%bytes", fresh)
    f.ret(f.let(f"ptrtoint ptr {fresh} to i64"))
    return f


def arena_give() -> Code:
    """Keep this memory for the next program."""
    f = Code("void", "ftrans_arena_give", "i64 %arena")
    other = f.let(f"atomicrmw xchg ptr @ftrans_arena, ptr {f.let('inttoptr i64 %arena to ptr')} seq_cst")
    with f.when(f.let(f"icmp ne ptr {other}, null")):
        f.call("void", "free", f"ptr {other}")
    f.ret()
    return f


# ---- a program -------------------------------------------------------------------------------------------------------


def check_input() -> Code:
    """Whether an object is what an input's row says; then its address and strides are stored, other strides than a C-contiguous
    array's in %room: somebody may give an array another shape meanwhile."""
    f = Code("i1", "ftrans_check_input", "ptr %p, ptr %row, ptr %object, ptr %address, ptr %strides, ptr %scratch, ptr %room")
    type_ = f.field("%object", KIND, "ptr")
    wanted_type = f.word("%row", Input.TYPE, "ptr")
    f.stop_unless(f.let(f"or i1 {f.is_(wanted_type, 'null', 'ptr')}, {f.is_(wanted_type, type_, 'ptr')}"), "no")
    is_array = f.is_(type_, f.word("%p", Program.NDARRAY, "ptr"), "ptr")
    f.branch_if(is_array, "array", "other")
    f.label("array")
    f.stop_unless(f.is_(f.field("%object", DESCR), f.word("%row", Input.DESCR)), "no")
    f.stop_unless(f.is_(f.let(f"sext i32 {f.field('%object', NDIM, 'i32')} to i64"), ndim := f.word("%row", Input.NDIM)), "no")
    flags, dims, wanted = f.field("%object", FLAGS, "i32"), f.field("%object", DIMS, "ptr"), f.word("%row", Input.DIMS, "ptr")
    f.stop_unless(f.let(f"icmp ne i32 {f.let(f'and i32 {flags}, {ALIGNED}')}, 0"), "no")
    strides = f.field("%object", STRIDES, "ptr")
    with f.loop(ndim) as k:
        f.stop_unless(f.is_(f.at(dims, k, "i64"), f.at(wanted, k, "i64")), "no")
    owned = f.is_(f.word("%row", Input.KIND), int(Kind.OWNED))
    with f.when(owned):
        f.stop_unless(f.let(f"icmp ne i32 {f.let(f'and i32 {flags}, {WRITEABLE | CONTIGUOUS}')}, {CONTIGUOUS}"), "no")
        f.stop_unless(f.let(f"icmp ne i32 {f.let(f'and i32 {flags}, {CONTIGUOUS}')}, 0"), "no")
    f.store("ptr", f.field("%object", DATA, "ptr"), "%address")
    f.store("ptr", f.word("%row", Input.STRIDES, "ptr"), "%strides")
    scattered = f.is_(f.let(f"and i32 {flags}, {CONTIGUOUS}"), 0, "i32")
    with f.when(scattered):
        required = f.word("%row", Input.REQUIRED)
        f.stop_unless(f.let(f"icmp ne i64 {required}, 1"), "no")
        with f.when(f.let(f"icmp ne i64 {required}, 0")):
            table = f.let(f"inttoptr i64 {required} to ptr")
            with f.loop(ndim) as k:
                want = f.at(table, k, "i64")
                fits = f.let(f"or i1 {f.is_(want, ANY)}, {f.is_(want, f.at(strides, k, 'i64'))}")
                f.stop_unless(fits, "no")
        with f.loop(ndim) as k:
            f.store("i64", f.at(strides, k, "i64"), f.element("i64", "%room", k))
        f.store("ptr", "%room", "%strides")
    f.branch("yes")
    f.label("other")
    f.stop_unless(f.is_(f.word("%row", Input.KIND), int(Kind.SCALAR)), "no")
    known = [f.is_(f.word("%row", n, "ptr"), type_, "ptr") for n in (Input.SCALAR, Input.PYTHON)]
    f.stop_unless(f.let(f"or i1 {known[0]}, {known[1]}"), "no")
    f.store("ptr", f.element("i8", "%object", HEAD), "%address")
    with f.when(f.is_(type_, f.word("%p", Program.INT, "ptr"), "ptr")):
        high, overflow = f.word("%row", Input.HIGH), f.alloca("i32")
        with f.when(f.is_(high, UNSIGNED)):
            unsigned = f.call("i64", "PyLong_AsUnsignedLongLong", "ptr %object")
            with f.when(f.is_(unsigned, -1)):
                failed = f.let(f"icmp ne ptr {f.call('ptr', 'PyErr_Occurred')}, null")
                with f.when(failed):
                    f.call("void", "PyErr_Clear")
                    f.branch("no")
                    f.label("unsigned.fits")
            f.store("i64", unsigned, "%scratch")
            f.store("ptr", "%scratch", "%address")
            f.branch("yes")
            f.label("signed")
        number = f.call("i64", "PyLong_AsLongLongAndOverflow", "ptr %object", f"ptr {overflow}")
        f.stop_unless(f.is_(f.load("i32", overflow), 0, "i32"), "no")
        f.stop_unless(f.let(f"icmp sge i64 {number}, {f.word('%row', Input.LOW)}"), "no")
        f.stop_unless(f.let(f"icmp sle i64 {number}, {high}"), "no")
        f.store("i64", number, "%scratch")
        f.store("ptr", "%scratch", "%address")
    with f.when(f.is_(type_, f.word("%p", Program.BOOL, "ptr"), "ptr")):
        truth = f.is_("%object", f.word("%p", Program.TRUE, "ptr"), "ptr")
        f.store("i64", f.let(f"zext i1 {truth} to i64"), "%scratch")
        f.store("ptr", "%scratch", "%address")
    f.branch("yes")
    f.label("yes")
    f.ret("true")
    f.label("no")
    f.ret("false")
    return f


def finish_output() -> Code:
    """The object of an output that is no array: a NumPy scalar or a Python number, from the memory where its value is."""
    f = Code("ptr", "ftrans_finish_output", "ptr %p, ptr %row, ptr %memory, ptr %objects")
    kind = f.word("%row", Output.KIND)
    cases = [Made.SCALAR, Made.FLOAT, Made.INT, Made.BOOL, Made.COMPLEX, Made.SAME]
    f.do(f"switch i64 {kind}, label %other [{' '.join([f'i64 {int(c)}, label %case{int(c)}' for c in cases])}]")
    f.label(f"case{int(Made.SCALAR)}")
    scalar, descr = f.word("%p", Program.SCALAR, "ptr"), f.word("%row", Output.DESCR, "ptr")
    f.ret(f.let(f"call ptr {scalar}(ptr %memory, ptr {descr}, ptr null)"))
    f.label(f"case{int(Made.FLOAT)}")
    f.ret(f.call("ptr", "PyFloat_FromDouble", f"double {f.load('double', '%memory')}"))
    f.label(f"case{int(Made.INT)}")
    f.ret(f.call("ptr", "PyLong_FromLongLong", f"i64 {f.load('i64', '%memory')}"))
    f.label(f"case{int(Made.BOOL)}")
    truth = f.is_(f.load("i8", "%memory"), 1, "i8")
    named = f.either(truth, "ptr", f.word("%p", Program.TRUE, "ptr"), f.word("%p", Program.FALSE, "ptr"))
    f.call("void", "Py_IncRef", f"ptr {named}")
    f.ret(named)
    f.label(f"case{int(Made.COMPLEX)}")
    real, imag = f.load("double", "%memory"), f.load("double", f.element("double", "%memory", 1))
    f.ret(f.call("ptr", "PyComplex_FromDoubles", f"double {real}", f"double {imag}"))
    f.label(f"case{int(Made.SAME)}")
    same = f.at("%objects", f.word("%row", Output.NUMBER))
    f.call("void", "Py_IncRef", f"ptr {same}")
    f.ret(same)
    f.label("other")
    f.ret("null")
    return f


def execute() -> Code:
    """Run a program: objects hold its inputs, then room for its outputs. Gives a Status; only after DONE are there outputs."""
    f = Code("i64", "ftrans_execute", "ptr %p, ptr %objects")
    inputs, values, outputs = [f.word("%p", n) for n in (Program.INPUTS, Program.VALUES, Program.OUTPUTS)]
    addresses, strides, scratch = f.array("i64", values), f.array("ptr", values), f.array("i64", inputs)
    memory = f.array("{ double, double }", outputs)
    results = f.element("ptr", "%objects", inputs)
    rows = f.word("%p", Program.INPUT_ROWS, "ptr")
    check_inputs(f, inputs, rows, addresses, strides, scratch)
    check_owned(f, inputs, rows)
    status, held, taken, thread = f.alloca("i64"), f.alloca("i64"), f.alloca("i64"), f.alloca("ptr")
    f.store("i64", str(int(Status.ERROR)), status)
    f.store("i64", "0", held)
    allocate_outputs(f, outputs, results)
    bytes_ = f.word("%p", Program.ARENA)
    small = f.let(f"icmp sle i64 {bytes_}, {STACK_BYTES}")
    stack = f.array("i8", f.plus(f.either(small, "i64", bytes_, "0"), 64))
    f.store("i64", f.let(f"ptrtoint ptr {stack} to i64"), taken)
    with f.when(f.let(f"xor i1 {small}, true")):
        f.store("i64", f.let(f"call i64 @ftrans_arena_take(i64 {bytes_})"), taken)
        f.stop_unless(f.let(f"icmp ne i64 {f.load('i64', taken)}, 0"), "memory")
        f.store("i64", f.plus(f.load("i64", taken), 64), taken)
    arena = f.let(f"and i64 {f.plus(f.load('i64', taken), 63)}, -64")
    place_values(f, values, inputs, addresses, strides, arena, results, memory)
    f.store("i64", str(int(Status.DONE)), status)
    f.do("call void @ftrans_blas_enter(ptr %p)")
    release = f.let(f"icmp ne i64 {f.word('%p', Program.RELEASE)}, 0")
    with f.when(release):
        for_each(f, inputs, "%objects", "Py_IncRef")
        f.store("i64", inputs, held)
        f.store("ptr", f.call("ptr", "PyEval_SaveThread"), thread)
    run_all(f, addresses, strides, values, arena, status)
    with f.when(release):
        f.call("void", "PyEval_RestoreThread", f"ptr {f.load('ptr', thread)}")
    f.do("call void @ftrans_blas_leave(ptr %p)")
    with f.when(f.let(f"xor i1 {small}, true")):
        front = f.load("i64", taken)
        f.do(f"call void @ftrans_arena_give(i64 {f.let(f'sub i64 {front}, 64')})")
    f.stop_unless(f.is_(f.load("i64", status), int(Status.DONE)), "drop")
    f.store("i64", str(int(Status.ERROR)), status)
    finish_outputs(f, outputs, results, memory)
    f.store("i64", str(int(Status.DONE)), status)
    f.branch("end")
    f.label("misfit")
    f.ret(str(int(Status.MISFIT)))
    f.label("memory")
    f.call("ptr", "PyErr_NoMemory")
    f.branch("drop")
    f.label("drop")
    for_each(f, outputs, results, "Py_DecRef")
    f.branch("end")
    f.label("end")
    for_each(f, f.load("i64", held), "%objects", "Py_DecRef")
    f.ret(f.load("i64", status))
    return f


def for_each(f: Code, count: str, objects: str, function: str) -> None:
    """Call Py_IncRef or Py_DecRef, which do nothing where there is no object yet."""
    with f.loop(count) as k:
        f.call("void", function, f"ptr {f.at(objects, k)}")


def check_inputs(f: Code, inputs: str, rows: str, addresses: str, strides: str, scratch: str) -> None:
    """Check all inputs, and find their addresses and strides."""
    room, used = f.array("i64", f.word("%p", Program.DIMENSIONS)), f.alloca("i64")
    f.store("i64", "0", used)
    with f.loop(inputs) as k:
        row = f.row(rows, k, Input.SIZE)
        places = [f.element(t, x, k) for t, x in (("i64", addresses), ("ptr", strides), ("i64", scratch))]
        arguments = ["%p", row, f.at("%objects", k), *places, f.element("i64", room, f.load("i64", used))]
        f.store("i64", f.plus(f.load("i64", used), f.word(row, Input.NDIM)), used)
        f.stop_unless(f.let(f"call i1 @ftrans_check_input({', '.join([f'ptr {x}' for x in arguments])})"), "misfit")


# ---- the threads of BLAS ---------------------------------------------------------------------------------------------


def blas_enter() -> Code:
    """Let BLAS use one thread while programs with products run, as they have their own.

    Threads of BLAS wait for each other by turning in circles: where others want the cores too, a product of 0.2 ms took 30.
    """
    f = Code("void", "ftrans_blas_enter", "ptr %p")
    get = f.word("%p", Program.BLAS_GET, "ptr")
    with f.when(f.let(f"icmp ne ptr {get}, null")):
        users = f.load("i32", BLAS_USERS)
        f.store("i32", f.let(f"add i32 {users}, 1"), BLAS_USERS)
        with f.when(f.is_(users, 0, "i32")):
            kept = f.let(f"call i32 {get}()")
            f.store("i32", kept, BLAS_KEPT)
            with f.when(f.let(f"icmp sgt i32 {kept}, 1")):
                f.do(f"call void {f.word('%p', Program.BLAS_SET, 'ptr')}(i32 1)")
    f.ret()
    return f


def blas_leave() -> Code:
    """Give BLAS the threads that it had before the first of these programs, or has been given meanwhile."""
    f = Code("void", "ftrans_blas_leave", "ptr %p")
    with f.when(f.let(f"icmp ne i64 {f.word('%p', Program.BLAS_GET)}, 0")):
        users, kept = f.let(f"sub i32 {f.load('i32', BLAS_USERS)}, 1"), f.load("i32", BLAS_KEPT)
        f.store("i32", users, BLAS_USERS)
        last = f.let(f"and i1 {f.is_(users, 0, 'i32')}, {f.let(f'icmp sgt i32 {kept}, 1')}")
        with f.when(last):
            f.do(f"call void {f.word('%p', Program.BLAS_SET, 'ptr')}(i32 {kept})")
    f.ret()
    return f


def blas_threads() -> Code:
    """Set the threads of BLAS by this function of its library: now, or when no program with products runs any more.

    0: this process is a fork, in which none runs; it gets what is kept.
    """
    f = Code("void", "ftrans_blas_threads", "ptr %set, i64 %n")
    users = f.load("i32", BLAS_USERS)
    given, forked, busy = f.let("trunc i64 %n to i32"), f.is_("%n", 0), f.let(f"icmp sgt i32 {users}, 0")
    with f.when(f.let(f"xor i1 {forked}, true")):
        f.store("i32", given, BLAS_KEPT)
        with f.when(f.let(f"xor i1 {busy}, true")):
            f.do(f"call void %set(i32 {given})")
    with f.when(f.let(f"and i1 {forked}, {busy}")):
        f.store("i32", "0", BLAS_USERS)
        f.do(f"call void %set(i32 {f.load('i32', BLAS_KEPT)})")
    f.ret()
    return f


# ---- parts of a program ----------------------------------------------------------------------------------------------


def check_owned(f: Code, inputs: str, rows: str) -> None:
    """An array that is overwritten shares memory with no other input."""
    bounds = f.array("i64", f.times(inputs, 2))
    some = f.alloca("i64")
    f.store("i64", "0", some)
    with f.loop(inputs) as k:
        owned = f.is_(f.word(f.row(rows, k, Input.SIZE), Input.KIND), int(Kind.OWNED))
        f.store("i64", f.let(f"or i64 {f.load('i64', some)}, {f.let(f'zext i1 {owned} to i64')}"), some)
    with f.when(f.let(f"icmp ne i64 {f.load('i64', some)}, 0")):
        with f.loop(inputs) as k:
            low, high = f.element("i64", bounds, f.times(k, 2)), f.element("i64", bounds, f.plus(f.times(k, 2), 1))
            for place in (low, high):
                f.store("i64", "0", place)
            with f.when(f.let(f"icmp ne i64 {f.word(f.row(rows, k, Input.SIZE), Input.KIND)}, {int(Kind.SCALAR)}")):
                f.do(f"call void @ftrans_extent(ptr {f.at('%objects', k)}, ptr {low}, ptr {high})")
        with f.loop(inputs) as k, f.loop(inputs) as other:
            owned = f.is_(f.word(f.row(rows, k, Input.SIZE), Input.KIND), int(Kind.OWNED))
            with f.when(f.let(f"and i1 {owned}, {f.let(f'icmp ne i64 {k}, {other}')}")):
                (a, b), (c, d) = [[f.at(bounds, f.plus(f.times(x, 2), y), "i64") for y in (0, 1)] for x in (k, other)]
                apart = f.let(f"or i1 {f.let(f'icmp sle i64 {b}, {c}')}, {f.let(f'icmp sle i64 {d}, {a}')}")
                f.stop_unless(apart, "misfit")


def extent() -> Code:
    """Where an array's memory begins and ends; twice the same where it has no elements."""
    f = Code("void", "ftrans_extent", "ptr %object, ptr %low, ptr %high")
    dims, strides = f.field("%object", DIMS, "ptr"), f.field("%object", STRIDES, "ptr")
    data, descr = f.field("%object", DATA), f.field("%object", DESCR, "ptr")
    f.store("i64", data, "%low")
    f.store("i64", f.plus(data, f.field(descr, ITEMSIZE)), "%high")
    with f.loop(f.let(f"sext i32 {f.field('%object', NDIM, 'i32')} to i64")) as k:
        n, stride = f.at(dims, k, "i64"), f.at(strides, k, "i64")
        with f.when(f.is_(n, 0)):
            f.store("i64", data, "%low")
            f.store("i64", data, "%high")
            f.ret()
            f.label("unreached")
        span = f.times(f.let(f"sub i64 {n}, 1"), stride)
        for place, pick in (("%low", "smin"), ("%high", "smax")):
            f.store("i64", f.plus(f.load("i64", place), f.intrinsic(pick, "i64", span, "0")), place)
    f.ret()
    return f


def allocate_outputs(f: Code, outputs: str, results: str) -> None:
    """Make the arrays; scalars come when their values are known."""
    rows, empty = f.word("%p", Program.OUTPUT_ROWS, "ptr"), f.word("%p", Program.EMPTY, "ptr")
    with f.loop(outputs) as k:
        f.store("ptr", "null", f.element("ptr", results, k))
    with f.loop(outputs) as k:
        row, place = f.row(rows, k, Output.SIZE), f.element("ptr", results, k)
        with f.when(f.is_(f.word(row, Output.KIND), int(Made.ARRAY))):
            descr = f.word(row, Output.DESCR, "ptr")
            f.call("void", "Py_IncRef", f"ptr {descr}")
            ndim = f.let(f"trunc i64 {f.word(row, Output.NDIM)} to i32")
            made = f.let(f"call ptr {empty}(i32 {ndim}, ptr {f.word(row, Output.DIMS, 'ptr')}, ptr {descr}, i32 0)")
            f.stop_unless(f.let(f"icmp ne ptr {made}, null"), "drop")
            f.store("ptr", made, place)


def place_values(f: Code, values: str, inputs: str, addresses: str, strides: str, arena: str, results: str, memory: str) -> None:
    """Address and strides of every value that is no input."""
    rows, output_rows = f.word("%p", Program.VALUE_ROWS, "ptr"), f.word("%p", Program.OUTPUT_ROWS, "ptr")
    with f.loop(f.let(f"sub i64 {values}, {inputs}")) as n:
        row, k = f.row(rows, n, 3), f.plus(inputs, n)
        where, number = f.word(row, 0), f.word(row, 1)
        f.store("ptr", f.word(row, 2, "ptr"), f.element("ptr", strides, k))
        place = f.element("i64", addresses, k)
        f.store("i64", f.plus(arena, number), place)
        with f.when(f.is_(where, int(Where.VALUE))):
            f.store("i64", f.at(addresses, number, "i64"), place)
        with f.when(f.is_(where, int(Where.OUTPUT))):
            f.store("ptr", f.element("{ double, double }", memory, number), place)
            with f.when(f.is_(f.word(f.row(output_rows, number, Output.SIZE), Output.KIND), int(Made.ARRAY))):
                f.store("i64", f.field(f.at(results, number), DATA), place)


def run_all(f: Code, addresses: str, strides: str, values: str, arena: str, status: str) -> None:
    """Every run in order; a guard that does not hold ends it."""
    rows = f.word("%p", Program.RUN_ROWS, "ptr")
    with f.loop(f.word("%p", Program.RUNS)) as n:
        row = f.row(rows, n, Run.SIZE)
        guard = f.is_(f.word(row, Run.CHUNKS), 0)
        with f.when(guard):
            place = f.let(f"inttoptr i64 {f.at(addresses, f.word(row, Run.VALUE), 'i64')} to ptr")
            bits = f.alloca("i64")
            f.store("i64", "0", bits)
            f.call("void", "memcpy", f"ptr {bits}", f"ptr {place}", f"i64 {f.word(row, Run.BYTES)}")
            holds = f.is_(f.load("i64", bits), f.word(row, Run.EXPECTED))
            with f.when(f.let(f"xor i1 {holds}, true")):
                f.store("i64", str(int(Status.GUARD)), status)
        go_on = f.is_(f.load("i64", status), int(Status.DONE))
        with f.when(f.let(f"and i1 {go_on}, {f.let(f'xor i1 {guard}, true')}")):
            f.do(f"call void @ftrans_run(ptr {row}, ptr {addresses}, ptr {strides}, i64 {values}, i64 {arena})")


def finish_outputs(f: Code, outputs: str, results: str, memory: str) -> None:
    rows = f.word("%p", Program.OUTPUT_ROWS, "ptr")
    with f.loop(outputs) as k:
        row, place = f.row(rows, k, Output.SIZE), f.element("ptr", results, k)
        with f.when(f.is_(f.load("ptr", place), "null", "ptr")):
            value = f.element("{ double, double }", memory, k)
            made = f.let(f"call ptr @ftrans_finish_output(ptr %p, ptr {row}, ptr {value}, ptr {results})")
            f.stop_unless(f.let(f"icmp ne ptr {made}, null"), "drop")
            f.store("ptr", made, place)
