// Atlas: a loss surface with a point that a hand or a key moves, and beside it what the weights at
// that point draw. All of it is here before anybody moves: the server is asked for nothing.

const STEP = 450; // ms at each point of the path
const CLICK = 6; // CSS pixels that a finger may slip in a click
const BESIDE = 12; // and that it may be beside the axes
const NOT_LOADED = "The drawing could not be loaded. Contours show the same surfaces.";
const NOT_DRAWN = "Not drawn yet.";

const hosts = new WeakMap(); // by parent element
let library; // plotly.js, once a page load

export default function (component) {
  const { parentElement } = component;
  if (!hosts.has(parentElement)) hosts.set(parentElement, makeHost(parentElement));
  const host = hosts.get(parentElement);
  host.component = component;
  host.data = component.data;
  takeStart(host, host.data.start);
  show(host);
  // Streamlit also calls this when a newer call has overtaken a slow one: then all stays.
  return () => {
    if (!parentElement.isConnected) remove(host);
  };
}

function makeHost(parent) {
  const root = element("div", "atlas", parent);
  const host = { root, groups: [], notice: element("p", "atlas-notice", root) };
  host.notice.setAttribute("role", "status");
  const bar = element("div", "atlas-bar", root);
  host.button = element("button", "atlas-play", bar);
  host.button.onclick = () => (host.timer ? stop(host) : play(host));
  host.place = element("span", "atlas-place", bar);
  host.row = element("div", "atlas-row", root);
  stop(host);
  return host;
}

// What the page says counts only where it says something new: a person may have moved on meanwhile.
function takeStart(host, start) {
  const rows = host.data.b.length;
  const known = host.heard === start.join() && host.at[0] < rows;
  host.heard = start.join();
  if (!known) host.at = start;
}

async function show(host) {
  try {
    library ??= load(host.data.plotly);
    const plotly = await library;
    host.notice.hidden = true;
    await draw(host, plotly);
    paint(host);
  } catch (error) {
    library = undefined;
    host.notice.textContent = NOT_LOADED;
    host.notice.hidden = false;
    console.error(error);
  }
}

async function remove(host) {
  stop(host);
  const groups = host.groups.splice(0);
  if (groups.length) for (const group of groups) removeGroup(await library, group);
}

// -- drawing ------------------------------------------------------------------------------------

function draw(host, plotly) {
  const { groups } = host.data;
  while (host.groups.length > groups.length) removeGroup(plotly, host.groups.pop());
  return Promise.all(
    groups.map((told, k) => {
      host.groups[k] ??= makeGroup(host, plotly);
      const group = host.groups[k];
      group.point.setAttribute("aria-label", `Point on ${told.alt}; arrow keys move it`);
      group.point.setAttribute("aria-valuemax", host.data.a.length * host.data.b.length - 1);
      group.point.classList.toggle("line", host.data.b.length === 1);
      group.drawings = fitted(group, told.drawings);
      const colors = colorsOf(host.root);
      const drawn = told.figure + JSON.stringify(colors);
      if (group.drawn === drawn) return undefined; // nothing of it has changed
      group.drawn = drawn;
      const { data, layout } = JSON.parse(told.figure);
      return plotly.react(group.plot, data, dressed(layout, colors), { staticPlot: true });
    }),
  );
}

function makeGroup(host, plotly) {
  const figure = element("figure", "atlas-group", host.row);
  const within = element("div", "atlas-sides", figure);
  const map = element("div", "atlas-map", within);
  const plot = element("div", "atlas-plot", map);
  plot.setAttribute("aria-hidden", "true"); // the point says what is to be known of it
  const point = element("div", "atlas-point", map);
  point.setAttribute("role", "slider");
  point.setAttribute("aria-valuemin", "0");
  point.tabIndex = 0;
  const side = element("div", "atlas-side", within);
  const group = { figure, map, plot, point, side, drawings: [] };
  group.resized = new ResizeObserver(async () => {
    if (!plot.data) return;
    await plotly.Plots.resize(plot);
    place(host, group);
  });
  group.resized.observe(map);
  listen(host, group);
  return group;
}

function removeGroup(plotly, group) {
  group.resized.disconnect();
  plotly.purge(group.plot);
  group.figure.remove();
}

function dressed(layout, colors) {
  const looks = { color: colors.text, gridcolor: "#9aa1ab55", zeroline: false };
  const axis = (name) => ({ ...layout[name], ...looks });
  const paper = { paper_bgcolor: colors.paper, plot_bgcolor: colors.paper };
  const margin = { l: 48, r: 12, t: 12, b: 44 };
  const [xaxis, yaxis] = [axis("xaxis"), axis("yaxis")];
  const size = { height: undefined, autosize: true }; // that of its place
  const font = { color: colors.text };
  return { ...layout, ...size, ...paper, margin, xaxis, yaxis, font };
}

// One place for the images of each checkpoint, with the bytes of all points.
function fitted(group, told) {
  while (group.drawings.length > told.length) group.drawings.pop().box.remove();
  return told.map((drawing, k) => {
    const made = group.drawings[k] ?? makeDrawing(group.side);
    made.told = drawing;
    made.title.textContent = drawing.title;
    if (made.text !== drawing.images) {
      made.text = drawing.images;
      made.bytes = Uint8Array.from(atob(drawing.images), (letter) => letter.charCodeAt(0));
    }
    const [count, height, width] = drawing.shape;
    while (made.images.children.length > count) made.images.lastChild.remove();
    while (made.images.children.length < count) element("canvas", "", made.images);
    for (const canvas of made.images.children) Object.assign(canvas, { width, height });
    return made;
  });
}

function makeDrawing(side) {
  const box = element("div", "atlas-drawing", side);
  const title = element("strong", "", box);
  const images = element("div", "atlas-images", box);
  images.setAttribute("role", "img");
  return { box, title, images, words: element("p", "", box) };
}

// -- the point ----------------------------------------------------------------------------------

const index = (host) => host.at[0] * host.data.a.length + host.at[1];

function whereabouts({ at: [i, j], data }) {
  const a = `a ${+data.a[j].toFixed(4)}`;
  return data.b.length > 1 ? `${a}, b ${+data.b[i].toFixed(4)}` : a;
}

function move(host, [i, j]) {
  const within = (k, count) => Math.max(0, Math.min(count - 1, k));
  host.at = [within(i, host.data.b.length), within(j, host.data.a.length)];
  paint(host);
}

function paint(host) {
  const [k, where] = [index(host), whereabouts(host)];
  host.place.textContent = where;
  for (const group of host.groups) {
    place(host, group);
    for (const drawing of group.drawings) paintDrawing(drawing, k, where);
    const said = group.drawings.map(({ told }) => `${told.title}: ${told.words[k]}`);
    group.point.setAttribute("aria-valuenow", k);
    group.point.setAttribute("aria-valuetext", [where, ...said].join("; "));
  }
}

function place(host, group) {
  const { xaxis, yaxis } = group.plot._fullLayout ?? {};
  if (!xaxis) return;
  const [i, j] = host.at;
  const line = host.data.b.length === 1;
  const top = line ? 0 : yaxis.d2p(host.data.b[i]);
  const { style } = group.point;
  style.left = `${xaxis._offset + xaxis.d2p(host.data.a[j])}px`;
  style.top = `${yaxis._offset + top}px`;
  style.height = line ? `${yaxis._length}px` : "";
}

function paintDrawing({ told, bytes, images, words }, k, where) {
  const known = told.known[k];
  words.textContent = known ? told.words[k] : `${told.words[k]} ${NOT_DRAWN}`;
  images.classList.toggle("unknown", !known);
  images.setAttribute("aria-label", known ? `${told.alt} at ${where}` : NOT_DRAWN);
  const [count, height, width, channels] = told.shape;
  const size = height * width * channels;
  [...images.children].forEach((canvas, n) => {
    const from = (k * count + n) * size;
    const pixels = bytes.subarray(from, from + size);
    canvas.getContext("2d").putImageData(imageOf(pixels, width, height, channels), 0, 0);
  });
}

function imageOf(pixels, width, height, channels) {
  const image = new ImageData(width, height);
  for (let p = 0; p < width * height; p += 1) {
    for (let c = 0; c < 3; c += 1) {
      image.data[4 * p + c] = pixels[p * channels + (channels === 3 ? c : 0)];
    }
    image.data[4 * p + 3] = 255;
  }
  return image;
}

function play(host) {
  const steps = host.data.path.map((place) => () => move(host, place));
  host.button.textContent = "Stop";
  host.timer = setInterval(() => (steps.length ? steps.shift()() : stop(host)), STEP);
  steps.shift()();
}

function stop(host) {
  clearInterval(host.timer);
  host.timer = undefined;
  host.button.textContent = "Play the path";
}
