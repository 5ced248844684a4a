// Scenes: plotly.js surfaces that share one camera. A camera is a list of numbers: where the eye
// stands and, if it does not look at the middle of the cube, where it looks.

const NARROW = matchMedia("(max-width: 640px)"); // there 3-D waits until it is asked for
const STILL = 400; // ms after which a camera that moved has come to rest
const CLICK = 6; // CSS pixels that a finger may slip in a click
const SEEN = 150; // ms after which it is drawn, and known, what lies under a finger
const TURN = Math.PI / 18; // of one press of an arrow key
const STILLER = matchMedia("(prefers-reduced-motion: reduce)");
const SPEED = 0.00012; // radians a ms, of a scene that turns by itself
const FRAME = 50; // ms between two of its pictures
const SLOW = 250; // ms that one of them may take
const TOO_MANY = 5; // slow ones, before it stands still: this machine has better to do
const FULL = "M0 0v6h2V2h4V0zM10 0v2h4v4h2V0zM0 10v6h6v-2H2v-4zM14 10v4h-4v2h6v-6z";
const NO_WEBGL = "This browser shows no 3-D graphics (WebGL). Contours show the same surfaces.";
const NOT_LOADED = "The 3-D drawing could not be loaded. Contours show the same surfaces.";

const hosts = new WeakMap(); // by parent element
let library; // plotly.js, once a page load
let webgl; // whether this browser has it

export default function (component) {
  const { parentElement } = component;
  if (!hosts.has(parentElement)) hosts.set(parentElement, makeHost(parentElement));
  const host = hosts.get(parentElement);
  host.component = component;
  takeCamera(host, component.data.camera);
  show(host);
  // Streamlit also calls this when a newer call has overtaken a slow one: then all stays.
  return () => {
    if (!parentElement.isConnected) remove(host);
  };
}

function makeHost(parent) {
  const root = element("div", "scenes", parent);
  const host = { root, notice: element("p", "", root), scenes: [], asked: false };
  host.notice.setAttribute("role", "status");
  host.button = element("button", "scenes-draw", root);
  host.button.textContent = "Draw in 3-D";
  host.button.onclick = () => show(Object.assign(host, { asked: true }));
  host.row = element("div", "scenes-row", root);
  return host;
}

async function show(host) {
  webgl ??= hasWebGL();
  const narrow = NARROW.matches;
  const waits = narrow && !host.asked;
  host.button.hidden = !waits || !webgl;
  host.notice.textContent = webgl ? "" : NO_WEBGL;
  host.notice.hidden = webgl;
  tellFlat(host, narrow || !webgl);
  if (!webgl || waits) return;
  try {
    library ??= load(host.component.data.plotly);
    draw(host, await library);
  } catch (error) {
    library = undefined;
    host.notice.textContent = NOT_LOADED;
    host.notice.hidden = false;
    tellFlat(host, true);
    console.error(error);
  }
}

function tellFlat(host, flat) {
  if (flat !== host.component.data.flat) host.component.setStateValue("flat", flat);
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // a browser has few of them
  return context !== null;
}

// -- drawing ------------------------------------------------------------------------------------

function draw(host, plotly) {
  const { scenes } = host.component.data;
  while (host.scenes.length > scenes.length) removeScene(plotly, host.scenes.pop());
  scenes.forEach(({ title, alt, figure }, k) => {
    host.scenes[k] ??= makeScene(host, plotly);
    const scene = host.scenes[k];
    scene.caption.textContent = title;
    scene.plot.setAttribute("aria-label", `${alt}. Arrow keys turn it, + and - go nearer or away`);
    const colors = colorsOf(host.root);
    const drawn = figure + JSON.stringify(colors);
    if (scene.drawn === drawn) return; // nothing of it has changed
    scene.drawn = drawn;
    const { data, layout } = JSON.parse(figure);
    plotly.react(scene.plot, data, dressed(layout, colors, host.camera), bar(host, plotly, title));
    if (!scene.listens) listen(host, plotly, scene);
  });
  if (host.component.data.turning && !host.turns) beginToTurn(host, plotly);
}

function makeScene(host, plotly) {
  const figure = element("figure", "", host.row);
  const caption = element("figcaption", "", figure);
  const plot = element("div", "scenes-plot", figure);
  plot.setAttribute("role", "group");
  plot.tabIndex = 0;
  const resized = new ResizeObserver(() => plot.data && plotly.Plots.resize(plot));
  resized.observe(plot);
  return { figure, caption, plot, resized };
}

function removeScene(plotly, scene) {
  scene.resized.disconnect();
  plotly.purge(scene.plot);
  scene.figure.remove();
}

async function remove(host) {
  const scenes = host.scenes.splice(0);
  if (scenes.length) for (const scene of scenes) removeScene(await library, scene);
}

function dressed(layout, colors, camera) {
  const axis = (name) => ({ ...layout.scene[name], color: colors.text });
  const [xaxis, yaxis, zaxis] = ["xaxis", "yaxis", "zaxis"].map(axis);
  const scene = { ...layout.scene, xaxis, yaxis, zaxis, camera: asPlotly(camera) };
  return { ...layout, scene, paper_bgcolor: colors.paper, font: { color: colors.text } };
}

function bar(host, plotly, title) {
  const filename = `flatdiff-surface-${title}`.replace(/\W+/g, "-").replace(/-$/, "");
  const save = (format) => (plot) => plotly.downloadImage(plot, { format, filename, scale: 2 });
  const button = (name, icon, click) => ({ name, title: name, icon, click });
  return {
    displayModeBar: true,
    displaylogo: false,
    showSendToCloud: false,
    modeBarButtons: [
      [
        button("Download as PNG", plotly.Icons.camera, save("png")),
        button("Download as SVG", plotly.Icons.disk, save("svg")),
      ],
      [
        button("Reset camera", plotly.Icons.home, () => home(host, plotly)),
        button("Full screen", { width: 16, height: 16, path: FULL }, () => fullScreen(host)),
      ],
    ],
  };
}

function fullScreen(host) {
  return document.fullscreenElement ? document.exitFullscreen() : host.root.requestFullscreen();
}

// -- the camera ---------------------------------------------------------------------------------

const asPlotly = ([x, y, z, u = 0, v = 0, w = 0]) => ({
  eye: { x, y, z },
  center: { x: u, y: v, z: w },
  up: { x: 0, y: 0, z: 1 },
});

const asText = (camera) => camera.map((number) => +number.toFixed(2)).join(" ");

function cameraOf(scene) {
  const { eye, center } = scene.plot._fullLayout.scene._scene.getCamera();
  const looks = [center.x, center.y, center.z];
  return [eye.x, eye.y, eye.z, ...(Math.hypot(...looks) < 0.005 ? [] : looks)];
}

// What the page says counts only where it says something new: it also repeats, late, what it was
// told from here, and a person may have gone on turning meanwhile.
function takeCamera(host, camera) {
  const text = asText(camera);
  const known = host.camera && (text === host.heard || host.told.has(text));
  host.heard = text;
  if (known) return;
  host.told = new Set();
  host.camera = camera;
  if (host.scenes.length) library.then((plotly) => place(host, plotly));
}

function place(host, plotly, but) {
  const others = host.scenes.filter((scene) => scene !== but && scene.listens);
  for (const { plot } of others) plotly.relayout(plot, { "scene.camera": asPlotly(host.camera) });
}

function tellCamera(host) {
  const text = asText(host.camera);
  host.told.add(text);
  host.component.setTriggerValue("camera", text);
}

function home(host, plotly) {
  host.camera = host.component.data.home;
  place(host, plotly);
  tellCamera(host);
}

// plotly tells of the mouse but not of fingers, so the camera itself is read while one may move.
function follow(host, plotly, scene) {
  host.leader = scene;
  host.touched = performance.now();
  host.frame ??= requestAnimationFrame(() => step(host, plotly));
}

function step(host, plotly) {
  host.frame = undefined;
  if (!host.root.isConnected) return;
  const camera = cameraOf(host.leader);
  if (asText(camera) !== asText(host.camera)) {
    host.camera = camera;
    host.moved = true;
    place(host, plotly, host.leader);
  }
  if (host.held || performance.now() - host.touched < STILL) {
    host.frame = requestAnimationFrame(() => step(host, plotly));
  } else if (host.moved) {
    host.moved = false;
    tellCamera(host);
  }
}

// Slowly, until somebody touches a scene; nobody is told of the camera meanwhile.
function beginToTurn(host, plotly) {
  host.turns = true;
  let last = performance.now();
  let slow = 0;
  const next = (now) => {
    const quiet = host.touched || STILLER.matches || !host.root.isConnected;
    if (quiet || slow >= TOO_MANY || !host.component.data.turning) return;
    if (now - last >= FRAME && !document.hidden) {
      if (now - last > SLOW) slow += 1;
      host.camera = around(host.camera, SPEED * Math.min(now - last, FRAME * 2));
      last = now;
      place(host, plotly);
    }
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}

function around([x, y, ...others], angle) {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  return [x * cosine - y * sine, x * sine + y * cosine, ...others];
}
