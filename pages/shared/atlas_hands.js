// Hands and keys: what moves the point of an atlas; joined to atlas.js by atlas.py.

function listen(host, group) {
  const { map, point } = group;
  let from;
  map.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = event;
    stop(host);
    // The point is dragged by a finger in all directions; elsewhere it scrolls the page up and down.
    if (event.target === point) point.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    const dragged = from !== undefined && event.buttons > 0;
    if (dragged || event.pointerType === "mouse") goTo(host, group, event, dragged);
  });
  map.addEventListener("pointerup", (event) => {
    const far = Math.hypot(event.clientX - from?.clientX, event.clientY - from?.clientY);
    from = undefined;
    if (!(far < CLICK)) return;
    goTo(host, group, event, false);
    choose(host);
  });
  map.addEventListener("pointercancel", () => (from = undefined));
  point.addEventListener("keydown", (event) => pressed(host, event));
}

// To the point of the grid that is nearest to a pointer.
function goTo(host, group, event, dragged) {
  const { xaxis, yaxis } = group.plot._fullLayout ?? {};
  if (!xaxis) return;
  const box = group.plot.getBoundingClientRect();
  const zoom = group.plot.offsetWidth / box.width; // a page on a wall is larger
  const x = (event.clientX - box.left) * zoom - xaxis._offset;
  const y = (event.clientY - box.top) * zoom - yaxis._offset;
  const off = Math.max(-x, x - xaxis._length, -y, y - yaxis._length);
  if (off > BESIDE && !dragged) return;
  const { a, b } = host.data;
  const next = [b.length > 1 ? nearest(b, yaxis.p2d(y)) : 0, nearest(a, xaxis.p2d(x))];
  if (next.join() === host.at.join()) return;
  stop(host);
  move(host, next);
}

function nearest(values, value) {
  const distances = values.map((other) => Math.abs(other - value));
  return distances.indexOf(Math.min(...distances));
}

// The page is told of the point that is shown: it stands in the link, and is drawn larger below.
function choose(host) {
  const [i, j] = host.at;
  host.heard = host.at.join();
  host.component.setTriggerValue("point", [host.data.a[j], host.data.b[i]]);
}

const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

function pressed(host, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { path } = host.data;
  const [i, j] = host.at;
  const ends = { Home: path[0], End: path[path.length - 1] };
  const step = KEYS[event.key];
  if (event.key === "Enter" || event.key === " ") choose(host);
  else if (step) move(host, [i + step[0], j + step[1]]);
  else if (ends[event.key]) move(host, ends[event.key]);
  else return;
  event.preventDefault();
  stop(host);
}
