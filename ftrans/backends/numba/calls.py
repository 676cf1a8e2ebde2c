"""The builtins that Python calls to run compiled programs.

    ftrans_list(self, list)                run a segment on the list of a tape's slots
    ftrans_call(self, args, n, kwnames)    a call from Python to Python: take arguments apart, run, build the result

Their self is a table (columns.py) in an int64 ndarray.
"""

from __future__ import annotations

from .columns import Call, Make, Program, Status, Take
from .layout import DATA, HEAD, KIND
from .machine import Code


def by_list() -> Code:
    """The builtin for tapes: self is an int64 array [program, slot of each input, slot of each output].

    True when done; False when an input does not fit, and nothing has been done.
    """
    f = Code("ptr", "ftrans_list", "ptr %self, ptr %list")
    table, items = f.field("%self", DATA, "ptr"), f.field("%list", HEAD + 8, "ptr")
    p = f.word(table, 0, "ptr")
    inputs, outputs = f.word(p, Program.INPUTS), f.word(p, Program.OUTPUTS)
    total = f.plus(inputs, outputs)
    objects = f.array("ptr", total)
    with f.loop(inputs) as k:
        f.store("ptr", f.at(items, f.word(table, f.plus(k, 1))), f.element("ptr", objects, k))
    status = f.let(f"call i64 @ftrans_execute(ptr {p}, ptr {objects})")
    with f.when(f.is_(status, int(Status.ERROR))):
        f.ret("null")
        f.label("unreached")
    done = f.is_(status, int(Status.DONE))
    with f.when(done), f.loop(outputs) as k:
        n = f.plus(inputs, k)
        place = f.element("ptr", items, f.word(table, f.plus(n, 1)))
        old = f.load("ptr", place)
        f.store("ptr", f.at(objects, n), place)
        f.call("void", "Py_DecRef", f"ptr {old}")
    answer = f.either(done, "ptr", f.word(p, Program.TRUE, "ptr"), f.word(p, Program.FALSE, "ptr"))
    f.call("void", "Py_IncRef", f"ptr {answer}")
    f.ret(answer)
    return f


def take() -> Code:
    """Take the arguments apart into the table of objects, and check the state that was captured. False: something is different."""
    f = Code("i1", "ftrans_take", "ptr %t, ptr %objects, i64 %args")
    rows, end = f.word("%t", Call.TAKE_ROWS, "ptr"), f.alloca("i64")
    f.store("i64", "%args", end)
    with f.loop(f.word("%t", Call.TAKES)) as n:
        row = f.row(rows, n, 4)
        op, obj, number, extra = f.word(row, 0), f.at("%objects", f.word(row, 1)), f.word(row, 2), f.word(row, 3, "ptr")
        type_, k = f.field(obj, KIND, "ptr"), f.load("i64", end)
        with f.when(f.is_(op, int(Take.IS))):
            f.stop_unless(f.is_(obj, extra, "ptr"), "no")
        with f.when(f.is_(op, int(Take.INT))):
            f.stop_unless(f.is_(type_, f.word("%t", Call.INT, "ptr"), "ptr"), "no")
            overflow = f.alloca("i32")
            value = f.call("i64", "PyLong_AsLongLongAndOverflow", f"ptr {obj}", f"ptr {overflow}")
            f.stop_unless(f.is_(f.load("i32", overflow), 0, "i32"), "no")
            f.stop_unless(f.is_(value, number), "no")
        for which, owner in ((Take.TUPLE, Call.TUPLE), (Take.LIST, Call.LIST)):
            with f.when(f.is_(op, int(which))):
                f.stop_unless(f.is_(type_, f.word("%t", owner, "ptr"), "ptr"), "no")
                f.stop_unless(f.is_(f.field(obj, HEAD), number), "no")
                items = f.element("i8", obj, HEAD + 8) if which is Take.TUPLE else f.field(obj, HEAD + 8, "ptr")
                with f.loop(number) as j:
                    f.store("ptr", f.at(items, j), f.element("ptr", "%objects", f.plus(k, j)))
                f.store("i64", f.plus(k, number), end)
        with f.when(f.is_(op, int(Take.DICT))):
            f.stop_unless(f.is_(type_, f.word("%t", Call.DICT, "ptr"), "ptr"), "no")
            f.stop_unless(f.is_(f.call("i64", "PyDict_Size", f"ptr {obj}"), number), "no")
            with f.loop(number) as j:
                found = f.call("ptr", "PyDict_GetItemWithError", f"ptr {obj}", f"ptr {f.at(extra, j)}")
                f.stop_unless(f.let(f"icmp ne ptr {found}, null"), "no")
                f.store("ptr", found, f.element("ptr", "%objects", f.plus(k, j)))
            f.store("i64", f.plus(k, number), end)
    scopes, words = f.word("%t", Call.SCOPE_ROWS, "ptr"), f.word("%t", Call.WORD_ROWS, "ptr")
    with f.loop(f.word("%t", Call.WORDS)) as n:
        row = f.row(words, n, 2)
        f.stop_unless(f.is_(f.load("i64", f.word(row, 0, "ptr")), f.word(row, 1)), "no")
    with f.loop(f.word("%t", Call.SCOPES)) as n:
        row = f.row(scopes, n, 3)
        found = f.call("ptr", "PyDict_GetItemWithError", *[f"ptr {f.word(row, k, 'ptr')}" for k in (0, 1)])
        f.stop_unless(f.is_(found, f.word(row, 2, "ptr"), "ptr"), "no")
    f.ret("true")
    f.label("no")
    f.call("void", "PyErr_Clear")  # comparing a key has failed: the general way will say so
    f.ret("false")
    return f


def make_result() -> Code:
    """Build the result from the outputs, which it takes over; null with an exception set if that fails."""
    f = Code("ptr", "ftrans_make", "ptr %t, ptr %results")
    rows, count = f.word("%t", Call.MAKE_ROWS, "ptr"), f.word("%t", Call.MAKES)
    stack, top, reached = f.array("ptr", count), f.alloca("i64"), f.alloca("i64")
    f.store("i64", "0", top)
    with f.loop(count) as n:
        f.store("i64", n, reached)
        row = f.row(rows, n, 3)
        op, number, extra, height = f.word(row, 0), f.word(row, 1), f.word(row, 2, "ptr"), f.load("i64", top)
        first = f.let(f"sub i64 {height}, {f.either(f.is_(op, int(Make.LEAF)), 'i64', '0', number)}")
        parts, place = f.element("ptr", stack, first), f.element("ptr", stack, first)
        with f.when(f.is_(op, int(Make.LEAF))):
            f.store("ptr", f.at("%results", number), place)
        with f.when(f.is_(op, int(Make.NONE))):
            none = f.word("%t", Call.NONE, "ptr")
            f.call("void", "Py_IncRef", f"ptr {none}")
            f.store("ptr", none, place)
        for which, name in ((Make.TUPLE, "PyTuple_New"), (Make.LIST, "PyList_New")):
            with f.when(f.is_(op, int(which))):
                made = f.call("ptr", name, f"i64 {number}")
                f.stop_unless(f.let(f"icmp ne ptr {made}, null"), "failed")
                items = f.element("i8", made, HEAD + 8) if which is Make.TUPLE else f.field(made, HEAD + 8, "ptr")
                with f.loop(number) as k:
                    f.store("ptr", f.at(parts, k), f.element("ptr", items, k))
                f.store("ptr", made, place)
        with f.when(f.is_(op, int(Make.DICT))):
            made = f.call("ptr", "PyDict_New")
            f.stop_unless(f.let(f"icmp ne ptr {made}, null"), "failed")
            with f.loop(number) as k:
                part = f.at(parts, k)
                failed = f.call("i32", "PyDict_SetItem", f"ptr {made}", f"ptr {f.at(extra, k)}", f"ptr {part}")
                with f.when(f.let(f"icmp ne i32 {failed}, 0")):
                    f.call("void", "Py_DecRef", f"ptr {made}")
                    f.branch("failed")
                    f.label("unreached")
            with f.loop(number) as k:
                f.call("void", "Py_DecRef", f"ptr {f.at(parts, k)}")
            f.store("ptr", made, place)
        f.store("i64", f.plus(first, 1), top)
    f.ret(f.load("ptr", stack))
    f.label("failed")  # drop what has been built, and the outputs that no container holds yet
    with f.loop(f.load("i64", top)) as k:
        f.call("void", "Py_DecRef", f"ptr {f.at(stack, k)}")
    with f.loop(count, f.load("i64", reached)) as n:
        row = f.row(rows, n, 3)
        with f.when(f.is_(f.word(row, 0), int(Make.LEAF))):
            f.call("void", "Py_DecRef", f"ptr {f.at('%results', f.word(row, 1))}")
    f.ret("null")
    return f


def call() -> Code:
    """The builtin for whole calls: self is a call's table as int64 array.

    The result, or REFUSAL where anything is not as the table says.
    """
    f = Code("ptr", "ftrans_call", "ptr %self, ptr %args, i64 %n, ptr %names")
    t = f.field("%self", DATA, "ptr")
    named, total, wanted = f.alloca("i64"), f.word(t, Call.ARGS), f.word(t, Call.NAMES)
    f.store("i64", "0", named)
    with f.when(f.let("icmp ne ptr %names, null")):
        f.store("i64", f.field("%names", HEAD), named)
    f.stop_unless(f.is_(f.load("i64", named), wanted), "no")
    f.stop_unless(f.is_(f.plus("%n", wanted), total), "no")
    with f.loop(wanted) as k:
        name = f.at(f.element("i8", "%names", HEAD + 8), k)
        f.stop_unless(f.is_(name, f.at(f.word(t, Call.NAME_ROWS, "ptr"), k), "ptr"), "no")
    objects = f.array("ptr", f.word(t, Call.OBJECTS))
    with f.loop(total) as k:
        f.store("ptr", f.at("%args", k), f.element("ptr", objects, k))
    f.stop_unless(f.let(f"call i1 @ftrans_take(ptr {t}, ptr {objects}, i64 {total})"), "no")
    p = f.word(t, Call.PROGRAM, "ptr")
    inputs, leaves = f.word(p, Program.INPUTS), f.word(t, Call.LEAF_ROWS, "ptr")
    given = f.array("ptr", f.plus(inputs, f.word(p, Program.OUTPUTS)))
    with f.loop(f.word(t, Call.LEAVES)) as k:
        f.store("ptr", f.at(objects, f.word(leaves, k)), f.element("ptr", given, k))
    with f.loop(f.let(f"sub i64 {inputs}, {f.word(t, Call.LEAVES)}")) as k:  # constants: their addresses stand behind the leaves
        n = f.plus(k, f.word(t, Call.LEAVES))
        f.store("ptr", f.at(leaves, n), f.element("ptr", given, n))
    status = f.let(f"call i64 @ftrans_execute(ptr {p}, ptr {given})")
    with f.when(f.is_(status, int(Status.DONE))):
        f.ret(f.let(f"call ptr @ftrans_make(ptr {t}, ptr {f.element('ptr', given, inputs)})"))
        f.label("unreached")
    with f.when(f.is_(status, int(Status.ERROR))):
        f.ret("null")
        f.label("unreached2")
    f.branch("no")
    f.label("no")
    refusal = f.word(t, Call.REFUSAL, "ptr")
    f.call("void", "Py_IncRef", f"ptr {refusal}")
    f.ret(refusal)
    return f
