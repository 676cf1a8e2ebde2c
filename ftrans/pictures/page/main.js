// The page: what is open, selected, found and stepped to, and the keys and buttons that change it.

const SPEEDS = [0.5, 1, 2, 4, 8, 16]; // steps a second
const LISTED = 100; // search results in the list
const READABLE = 0.75; // the least scale at which the page opens
const byId = (id) => document.getElementById(id);

class App {
  constructor(data) {
    this.model = new Model(data);
    this.search = new Search(this.model);
    this.open = new Set(data.open);
    this.selected = "";
    this.hovered = "";
    this.hits = new Set();
    this.found = [];
    this.shows = data.mode === "forward" ? "forward" : "reverse"; // which numbers edges carry
    this.stepping = false;
    this.timer = 0;
    const svg = byId("picture");
    const world = byId("world");
    this.view = new View(svg, world, () => this.soon());
    this.picture = new Picture(svg, world, this);
    this.rebuild();
    this.step = this.sweep.last;
    this.listen(svg);
    this.restore();
    showDetails(byId("details"), this, this.selected);
    this.changed();
  }

  // --- what is open

  /** The scene and the sweep for the boxes that are open now. */
  rebuild() {
    this.scene = new Scene(this.model, this.open);
    this.sweep = new Sweep(this.model, this.scene);
    this.picture.reset();
    byId("slider").max = this.sweep.last;
  }

  /** Change which boxes are open; what `anchor` shows stays where it is in the window, and the sweep stays where it was. */
  setOpen(open, anchor) {
    const before = anchor && this.scene.shown(anchor);
    const present = this.sweep.steps[this.step];
    const finished = this.step === this.sweep.last;
    this.open = open;
    this.rebuild();
    const after = anchor && (this.scene.at.get(anchor) ?? this.scene.shown(anchor));
    if (before && after) this.view.pan((before.x - after.x) * this.view.scale, (before.y - after.y) * this.view.scale);
    this.step = finished ? this.sweep.last : Math.max(0, this.sweep.stepOf(present.nodes.at(-1), present.edges.at(-1)));
    if (present.phase === "backward" && !present.edges.length && !finished) this.step = this.sweep.seeded;
    this.changed();
  }

  toggle(key) {
    const open = new Set(this.open);
    if (!open.delete(key)) open.add(key);
    this.setOpen(open, key);
    if (this.selected === key) showDetails(byId("details"), this, key);
    byId(key)?.focus({ preventScroll: true });
  }

  /** Open the boxes down to a depth: 0 folds all. */
  openTo(depth) {
    this.setOpen(this.downTo(depth), "");
    this.fit();
  }

  downTo(depth) {
    return new Set([...this.model.boxes.keys()].filter((key) => this.model.around(key).length < depth));
  }

  /** The depth down to which exactly the boxes are open; -1 where there is none. */
  get depth() {
    const deepest = [...this.open].reduce((most, key) => Math.max(most, this.model.around(key).length + 1), 0);
    return this.downTo(deepest).size === this.open.size ? deepest : -1;
  }

  fit() {
    const { width, height } = this.scene;
    this.view.fit({ x: 0, y: 0, w: width, h: height });
  }

  /** Show the whole picture, or where it is too long for that, its beginning, large enough to read. */
  first() {
    this.fit();
    if (this.view.scale >= READABLE) return;
    const [width, height] = this.view.size;
    const { down } = this.scene;
    const middle = (size, length) => Math.max((length - size * READABLE) / 2, 28);
    this.view.set(down ? middle(this.scene.width, width) : 28, down ? 28 : middle(this.scene.height, height), READABLE);
  }

  /** Unfold what hides a node or a box, bring it to the middle and select it. */
  reveal(key) {
    const hiding = this.model.around(key).filter((box) => !this.open.has(box));
    if (hiding.length) this.setOpen(new Set([...this.open, ...hiding]), "");
    const item = this.scene.at.get(key);
    if (item) this.view.centre(item);
    this.select(key);
  }

  select(key) {
    this.selected = key;
    showDetails(byId("details"), this, key);
    this.changed();
  }

  // --- stepping

  goTo(step) {
    this.stepping = true;
    this.step = Math.min(Math.max(step, 0), this.sweep.last);
    const { phase } = this.sweep.steps[this.step];
    if (this.model.mode === "both") this.shows = phase === "backward" ? "reverse" : "forward";
    this.bringIntoView(this.sweep.steps[this.step].unit);
    this.changed();
    if (this.step === this.sweep.last) this.pause();
  }

  /** One step on; from the finished picture, which the page opens with, to the beginning. */
  forwards() {
    this.goTo(this.stepping ? this.step + 1 : 0);
  }

  backwards() {
    this.goTo(this.step - 1);
  }

  /** Move the window when a node or a folded box is not wholly in it. */
  bringIntoView(key) {
    const item = this.scene.at.get(key);
    if (!item || item.kind === "frame") return;
    const [left, top, right, bottom] = this.view.window();
    const seen = item.x >= left && item.y >= top && item.x + item.w <= right && item.y + item.h <= bottom;
    if (!seen) this.view.centre(item);
  }

  play() {
    if (this.timer) return this.pause();
    if (this.step === this.sweep.last) this.stepping = false;
    const pace = 1000 / SPEEDS[byId("speed").value];
    this.forwards();
    this.timer = setInterval(() => this.forwards(), pace);
    this.changed();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.changed();
  }

  // --- search

  lookFor(text) {
    this.found = this.search.find(text);
    this.hits = new Set(this.found);
    for (const key of this.found) for (const box of this.model.around(key)) this.hits.add(box); // a folded box that hides a hit
    const list = byId("hits");
    list.replaceChildren(...this.found.slice(0, LISTED).map((key) => hit(this, key)));
    const more = this.found.length > LISTED ? `, the first ${LISTED} listed` : "";
    byId("count").textContent = text.trim() ? counted(this.found.length, "hit") + more : "";
    this.changed();
  }

  /** Go to the next hit, or with by = -1 to the one before. */
  next(by) {
    if (!this.found.length) return;
    const now = this.found.indexOf(this.selected);
    const next = now < 0 ? (by > 0 ? 0 : this.found.length - 1) : (now + by + this.found.length) % this.found.length;
    this.reveal(this.found[next]);
  }

  // --- the page

  /** Show a change at the next frame. */
  soon() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.picture.update();
    });
  }

  changed() {
    this.picture.update();
    this.picture.refresh();
    const { step, sweep } = this;
    byId("slider").value = step;
    byId("depth").selectedIndex = this.depth;
    byId("progress").textContent = `${step} of ${sweep.last}`;
    const words = this.stepping ? sweep.words(step) : "";
    byId("words").textContent = words || "Press \u2192 or play to step through the computation.";
    byId("play").textContent = this.timer ? "\u23f8\ufe0e pause" : "\u25b6\ufe0e play";
    byId("play").setAttribute("aria-pressed", Boolean(this.timer));
    if (byId("shows")) byId("shows").value = this.shows;
    this.remember();
  }

  /** Keep the state in the address, so that a reload or a link shows the same. */
  remember() {
    const state = new URLSearchParams();
    if (this.open.size <= 100) state.set("open", [...this.open].join(" "));
    if (this.selected) state.set("node", this.selected);
    if (this.stepping) state.set("step", this.step);
    clearTimeout(this.remembering); // browsers limit how often the address may change
    this.remembering = setTimeout(() => history.replaceState(null, "", `#${state}`), 200);
  }

  restore() {
    const state = new URLSearchParams(location.hash.slice(1));
    const known = (key) => this.model.boxes.has(key);
    if (state.has("open")) {
      this.open = new Set(state.get("open").split(" ").filter(known));
      this.rebuild();
      this.step = this.sweep.last;
    }
    this.first();
    const node = state.get("node");
    if (this.model.get(node)) this.selected = node;
    if (/^\d+$/.test(state.get("step") ?? "")) this.goTo(Number(state.get("step")));
  }

  listen(svg) {
    const click = {
      "fold-all": () => this.openTo(0),
      "unfold-all": () => this.openTo(Infinity),
      fit: () => this.fit(),
      "zoom-in": () => this.view.zoom(1.3),
      "zoom-out": () => this.view.zoom(1 / 1.3),
      first: () => this.goTo(0),
      back: () => this.backwards(),
      play: () => this.play(),
      forward: () => this.forwards(),
      last: () => this.goTo(this.sweep.last),
    };
    for (const [id, action] of Object.entries(click)) byId(id).addEventListener("click", action);
    byId("depth").addEventListener("change", (event) => this.openTo(Number(event.target.value)));
    byId("depth").append(...Array.from({ length: this.model.depth + 1 }, (_, k) => html("option", {}, String(k))));
    for (const id of ["fold-all", "unfold-all", "depth"]) byId(id).disabled = this.model.depth === 0;
    byId("slider").addEventListener("input", (event) => this.goTo(Number(event.target.value)));
    byId("speed").addEventListener("input", () => this.timer && (this.pause(), this.play()));
    byId("shows")?.addEventListener("change", (event) => {
      this.shows = event.target.value;
      this.changed();
    });
    this.listenToSearch();
    this.listenToPicture(svg);
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("resize", () => this.soon());
    addEventListener("beforeprint", () => this.print(svg));
    addEventListener("afterprint", () => this.printed(svg));
  }

  listenToSearch() {
    const input = byId("search");
    input.addEventListener("input", () => this.lookFor(input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.next(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") {
        input.value = "";
        this.lookFor("");
        input.blur();
      }
    });
  }

  listenToPicture(svg) {
    const keyAt = (event) => event.target.closest?.(".node, .box, .frame")?.id ?? "";
    svg.addEventListener("click", (event) => {
      if (this.view.moved <= 3) this.activate(keyAt(event));
    });
    const hover = (key) => {
      if (key === this.hovered) return;
      this.hovered = key;
      this.picture.refresh();
    };
    svg.addEventListener("pointerover", (event) => hover(keyAt(event)));
    svg.addEventListener("pointerleave", () => hover(""));
    svg.parentNode.addEventListener("focusin", (event) => { // not on the svg itself, which could then be focused
      hover(keyAt(event));
      if (event.target.matches(":focus-visible")) this.bringIntoView(keyAt(event));
    });
  }

  /** Click or Enter: a box folds or unfolds, a node is selected. */
  activate(key) {
    if (this.model.boxes.has(key)) this.toggle(key);
    else this.select(key);
  }

  key(event) {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(at.tagName)) return;
    if (["Enter", " "].includes(event.key) && ["BUTTON", "SUMMARY"].includes(at.tagName)) return;
    const item = at.closest?.(".node, .box, .frame");
    const pan = 60;
    const action = {
      Enter: () => item && this.activate(item.id),
      "/": () => byId("search").select(),
      "+": () => this.view.zoom(1.3),
      "=": () => this.view.zoom(1.3),
      "-": () => this.view.zoom(1 / 1.3),
      0: () => this.fit(),
      ArrowRight: () => (event.shiftKey ? this.view.pan(-pan, 0) : this.forwards()),
      ArrowLeft: () => (event.shiftKey ? this.view.pan(pan, 0) : this.backwards()),
      ArrowUp: () => this.view.pan(0, pan),
      ArrowDown: () => this.view.pan(0, -pan),
      Home: () => this.goTo(0),
      End: () => this.goTo(this.sweep.last),
      " ": () => this.play(),
      Escape: () => this.select(""),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** Show the whole picture on the printed page, at any size of the window. */
  print(svg) {
    svg.setAttribute("viewBox", `0 0 ${this.scene.width} ${this.scene.height}`);
    byId("world").removeAttribute("transform");
    this.picture.update(true);
    this.picture.refresh();
  }

  printed(svg) {
    svg.removeAttribute("viewBox");
    this.view.pan(0, 0);
  }
}

const app = new App(JSON.parse(byId("graph").textContent));
