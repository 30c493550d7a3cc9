// The whole trace in one strip: drag over it to look at a part of its time, click to see all again.

import { h } from './dom.js';
import { COLOURS } from './palette.js';

const HEIGHT = 64;
const SMALLEST_DRAG = 4; // Pixels; less is a click.

export class Minimap {
  /** `onZoom(from, to)` in microseconds since the epoch; without arguments: all. */
  constructor(tree, colours, onZoom) {
    this.tree = tree;
    this.colours = colours;
    this.onZoom = onZoom;
    this.canvas = h('canvas', { 'aria-hidden': 'true' });
    this.before = h('div', { class: 'shade left' });
    this.after = h('div', { class: 'shade right' });
    this.element = h('div', { class: 'minimap', title: 'Drag to zoom, click to see all' }, this.canvas, this.before, this.after);
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this.element);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.redraw = () => this.draw();
    this.scheme.addEventListener('change', this.redraw);
    this.listen();
    this.show(tree.start, tree.end);
  }

  close() {
    this.resize.disconnect();
    this.scheme.removeEventListener('change', this.redraw);
  }

  draw() {
    const width = this.element.clientWidth;
    if (width === 0) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = HEIGHT * ratio;
    const context = this.canvas.getContext('2d');
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const tones = Array.from({ length: COLOURS }, (_, slot) => style.getPropertyValue(`--service-${slot}`).trim());
    const red = style.getPropertyValue('--error').trim();
    const { nodes, start, end } = this.tree;
    const step = Math.min(6, (HEIGHT - 4) / Math.max(1, nodes.length));
    const scale = width / (end - start);
    const thick = Math.max(1, step - 1);
    const bar = (node) => context.fillRect((node.span.startTime - start) * scale, 2 + node.index * step, Math.max(1, node.span.duration * scale), thick);
    for (const node of nodes) {
      context.fillStyle = tones[this.colours.get(node.span.serviceName) ?? 0];
      bar(node);
    }
    // Errors last and at least two pixels each way: one among thousands must be seen.
    context.fillStyle = red;
    const low = Math.max(2, thick / 2);
    for (const node of nodes) {
      if (node.error) context.fillRect((node.span.startTime - start) * scale, 2 + node.index * step + thick - low, Math.max(2, node.span.duration * scale), low);
    }
  }

  /** Shades what the timeline does not show. */
  show(from, to) {
    const { start, end } = this.tree;
    this.before.style.width = `${((from - start) / (end - start)) * 100}%`;
    this.after.style.width = `${((end - to) / (end - start)) * 100}%`;
  }

  listen() {
    let origin = null;
    const x = (event) => {
      const box = this.element.getBoundingClientRect();
      return Math.min(box.width, Math.max(0, event.clientX - box.left));
    };
    const time = (pixels) => this.tree.start + (pixels / this.element.clientWidth) * (this.tree.end - this.tree.start);
    this.element.addEventListener('pointerdown', (event) => {
      origin = x(event);
      this.element.setPointerCapture(event.pointerId);
    });
    this.element.addEventListener('pointermove', (event) => {
      if (origin !== null) this.show(time(Math.min(origin, x(event))), time(Math.max(origin, x(event))));
    });
    this.element.addEventListener('pointerup', (event) => {
      if (origin === null) return;
      const [left, right] = [Math.min(origin, x(event)), Math.max(origin, x(event))];
      origin = null;
      if (right - left >= SMALLEST_DRAG) this.onZoom(time(left), time(right));
      else this.onZoom();
    });
    this.element.addEventListener('pointercancel', () => {
      origin = null;
      this.onZoom();
    });
  }
}
