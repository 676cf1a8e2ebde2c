// The window onto the picture: drag, wheel, pinch, fit. `new View(svg, world, changed)` calls `changed()` when it has moved.

const SMALLEST = 0.01;
const LARGEST = 8;

class View {
  constructor(svg, world, changed) {
    Object.assign(this, { svg, world, changed, x: 0, y: 0, scale: 1 }); // a point p of the picture is seen at (x, y) + scale p
    this.pointers = new Map();
    this.moved = 0; // how far the pointer has gone since it was pressed: a click does not move
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
  }

  get size() {
    const { width, height } = this.svg.getBoundingClientRect();
    return [width, height];
  }

  /** The part of the picture in view, and `ahead` pixels around it: [left, top, right, bottom]. */
  window(ahead = 0) {
    const [width, height] = this.size;
    const at = (pixel, offset) => (pixel - offset) / this.scale;
    return [at(-ahead, this.x), at(-ahead, this.y), at(width + ahead, this.x), at(height + ahead, this.y)];
  }

  set(x, y, scale) {
    Object.assign(this, { x, y, scale });
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.changed();
  }

  pan(dx, dy) {
    this.set(this.x + dx, this.y + dy, this.scale);
  }

  /** Make everything `factor` times as large; the point seen at (px, py) stays where it is. */
  zoom(factor, px = this.size[0] / 2, py = this.size[1] / 2) {
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    const k = scale / this.scale;
    this.set(px - (px - this.x) * k, py - (py - this.y) * k, scale);
  }

  /** Show a rectangle of the picture whole and in the middle, not larger than `most`. */
  fit({ x, y, w, h }, most = 1.5) {
    const [width, height] = this.size;
    const edge = 28;
    const scale = Math.min(most, (width - 2 * edge) / w, (height - 2 * edge) / h);
    const k = Math.max(SMALLEST, scale);
    this.set((width - w * k) / 2 - x * k, (height - h * k) / 2 - y * k, k);
  }

  /** Bring a rectangle to the middle, large enough to read. */
  centre({ x, y, w, h }) {
    const [width, height] = this.size;
    const scale = Math.max(this.scale, 0.8);
    this.set(width / 2 - (x + w / 2) * scale, height / 2 - (y + h / 2) * scale, scale);
  }

  wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 20 : 1; // lines or pixels
    const [px, py] = this.local(event);
    this.zoom(Math.exp(-event.deltaY * unit * 0.0015), px, py);
  }

  local(event) {
    const { left, top } = this.svg.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, this.local(event));
    this.moved = 0;
  }

  move(event) {
    const old = this.pointers.get(event.pointerId);
    if (!old) return;
    const now = this.local(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.moved += Math.hypot(now[0] - old[0], now[1] - old[1]);
    if (this.moved > 3) this.svg.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      this.pan((now[0] - old[0]) / 2, (now[1] - old[1]) / 2);
      this.zoom(apart(now) / Math.max(1, apart(old)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (this.moved > 3) this.pan(now[0] - old[0], now[1] - old[1]);
  }
}
