/* Trials as lines through their parameters, the better the brighter and the later drawn. Pull along an axis to keep a part of
   it; a double click lets everything in again. Two thousand lines are drawn once on a canvas; pointing redraws one. */

import { h } from "./dom.js";
import { figure } from "./format.js";
import { colour, onScheme, painted, ramp } from "./plots.js";

const LEFT = 40, RIGHT = 46, TOP = 38, BOTTOM = 26;

export function parallel(study, { onKept = () => {}, onNear = () => {} } = {}) {
  const canvas = h("canvas.parallel", { role: "img", "aria-label": `${study.shown} trials through ${study.parameters.length} parameters; the table below tells the same` });
  const trials = study.trials.filter((trial) => trial.score !== null && trial.score !== undefined).sort((one, other) => one.score - other.score);
  const scores = trials.map((trial) => trial.score), low = quantile(scores, 0.02), high = scores.at(-1) ?? 1;
  const axes = [...study.parameters, { name: "score", low: scores[0] ?? 0, high, words: null, isScore: true }];
  const kept = new Map();
  let near = null, pull = null;

  const share = (axis, value) => {
    if (axis.words) return axis.words.length < 2 ? 0.5 : axis.words.indexOf(String(value)) / (axis.words.length - 1);
    return axis.high === axis.low ? 0.5 : (value - axis.low) / (axis.high - axis.low);
  };
  const value = (axis, trial) => (axis.isScore ? trial.score : trial.params[axis.name]);
  const x = (at, width) => LEFT + (at / Math.max(1, axes.length - 1)) * (width - LEFT - RIGHT);
  const y = (part, height) => height - BOTTOM - part * (height - TOP - BOTTOM);
  const isKept = (trial) => [...kept].every(([at, [from, to]]) => { const part = share(axes[at], value(axes[at], trial)); return part >= from && part <= to; });

  function draw() {
    painted(canvas, (pen, width, height) => {
      const line = (trial) => { pen.beginPath(); axes.forEach((axis, at) => pen.lineTo(x(at, width), y(share(axis, value(axis, trial)), height))); pen.stroke(); };
      const alpha = Math.max(0.12, Math.min(0.75, 90 / Math.max(1, trials.length)));
      let count = 0;
      trials.forEach((trial, at) => {
        const is = isKept(trial), rank = at / Math.max(1, trials.length - 1);
        count += is;
        pen.strokeStyle = is ? ramp((trial.score - low) / Math.max(1e-9, high - low)) : colour("line");
        pen.globalAlpha = is ? alpha + (1 - alpha) * rank ** 6 : 0.25;
        pen.lineWidth = is && rank > 0.98 ? 1.8 : 1;
        line(trial);
      });
      pen.globalAlpha = 1;
      if (near) { pen.strokeStyle = colour("text"); pen.lineWidth = 2; line(near); }
      pen.font = "11px system-ui, sans-serif";
      axes.forEach((axis, at) => {
        const place = x(at, width);
        pen.strokeStyle = colour("line-strong"); pen.lineWidth = 1;
        pen.beginPath(); pen.moveTo(place, TOP); pen.lineTo(place, height - BOTTOM); pen.stroke();
        pen.fillStyle = colour("text"); pen.textAlign = "center";
        pen.fillText(axis.name, place, 13);
        pen.fillStyle = colour("muted");
        const isTight = (width - LEFT - RIGHT) / axes.length < 60, end = (number) => (isTight ? String(Number(number.toPrecision(2))) : figure(number));
        pen.fillText(axis.words ? axis.words.at(-1) : end(axis.high), place, TOP - 7);
        pen.fillText(axis.words ? axis.words[0] : end(axis.low), place, height - BOTTOM + 14);
        if (kept.has(at)) { const [from, to] = kept.get(at); pen.fillStyle = colour("accent"); pen.globalAlpha = 0.25; pen.fillRect(place - 6, y(to, height), 12, y(from, height) - y(to, height)); pen.globalAlpha = 1; }
      });
      onKept(count, trials.length);
    });
  }

  function axisAt(event) {
    const width = canvas.clientWidth;
    return axes.findIndex((axis, at) => Math.abs(x(at, width) - event.offsetX) < 12);
  }
  const part = (event) => Math.max(0, Math.min(1, (canvas.clientHeight - BOTTOM - event.offsetY) / (canvas.clientHeight - TOP - BOTTOM)));

  canvas.addEventListener("pointerdown", (event) => { const at = axisAt(event); if (at >= 0) { pull = { at, from: part(event) }; canvas.setPointerCapture(event.pointerId); } });
  canvas.addEventListener("pointerup", () => { pull = null; });
  canvas.addEventListener("dblclick", () => { kept.clear(); draw(); });
  canvas.addEventListener("pointerleave", () => { if (near) { near = null; onNear(null); draw(); } });
  canvas.addEventListener("pointermove", (event) => {
    if (pull) {
      const to = part(event), span = [Math.min(pull.from, to), Math.max(pull.from, to)];
      if (span[1] - span[0] < 0.02) kept.delete(pull.at); else kept.set(pull.at, span);
      draw();
      return;
    }
    const found = nearest(event.offsetX, event.offsetY);
    if (found !== near) { near = found; onNear(near); draw(); }
  });

  function nearest(left, top) {
    const width = canvas.clientWidth, height = canvas.clientHeight, step = (width - LEFT - RIGHT) / Math.max(1, axes.length - 1);
    const at = Math.max(0, Math.min(axes.length - 2, Math.floor((left - LEFT) / step))), along = (left - x(at, width)) / step;
    if (axes.length < 2) return null;
    let best = null, least = 8;
    for (const trial of trials) {
      const one = y(share(axes[at], value(axes[at], trial)), height), other = y(share(axes[at + 1], value(axes[at + 1], trial)), height);
      const far = Math.abs(one + (other - one) * along - top);
      if (far <= least && isKept(trial)) { least = far; best = trial; }
    }
    return best;
  }

  const watch = new ResizeObserver(draw);
  watch.observe(canvas);
  const off = onScheme(draw);
  return { element: canvas, end: () => { watch.disconnect(); off(); } };
}

function quantile(sorted, part) {
  return sorted.length ? sorted[Math.floor(part * (sorted.length - 1))] : 0;
}
