// Hands and keys: what a person does to scenes; joined to scenes.js by scenes.py.

function listen(host, plotly, scene) {
  const { plot } = scene;
  scene.listens = true;
  const followed = () => follow(host, plotly, scene);
  const kept = (event) => plot.classList.contains("held") || event.stopPropagation();
  for (const name of ["touchstart", "touchmove"]) {
    plot.addEventListener(name, kept, { capture: true, passive: true });
  }
  plot.addEventListener("wheel", followed, { capture: true, passive: true });
  plot.addEventListener("pointerdown", followed, true);
  plot.addEventListener("pointerdown", () => hold(host), true);
  plot.addEventListener("keydown", (event) => turn(host, plotly, event));
  plot.on("plotly_hover", ({ points }) => (scene.under = points[0]));
  plot.on("plotly_click", ({ points }) => (scene.under = points[0]));
  plot.on("plotly_unhover", () => (scene.under = undefined));
  listenForClicks(host, scene);
}

// Until it is released, wherever that is, nobody is told of a camera that merely pauses.
function hold(host) {
  host.held = true;
  const release = () => {
    host.held = false;
    host.touched = performance.now();
  };
  for (const name of ["pointerup", "pointercancel"]) {
    window.addEventListener(name, release, { capture: true, once: true });
  }
}

// plotly calls every press on a surface a click; here only one that turned nothing is.
function listenForClicks(host, scene) {
  let from;
  const released = (event) => {
    const onBar = event.target.closest(".modebar") !== null;
    const far = Math.hypot(event.clientX - from?.clientX, event.clientY - from?.clientY);
    if (onBar || event.button !== 0 || !(far < CLICK)) return;
    if (event.pointerType === "touch") takeInHand(scene.plot);
    setTimeout(() => {
      if (scene.under) host.component.setTriggerValue("point", [scene.under.x, scene.under.y]);
    }, SEEN);
  };
  scene.plot.addEventListener("pointerdown", (event) => (from = event), true);
  scene.plot.addEventListener("pointerup", released, true);
}

// A tapped surface is turned by a finger; touched elsewhere, the page has its swipes again.
function takeInHand(plot) {
  if (plot.classList.contains("held")) return;
  plot.classList.add("held");
  const letGo = (event) => {
    if (plot.contains(event.target)) return;
    plot.classList.remove("held");
    window.removeEventListener("pointerdown", letGo, true);
  };
  window.addEventListener("pointerdown", letGo, true);
}

const KEYS = {
  ...{ ArrowLeft: [-TURN, 0, 1], ArrowRight: [TURN, 0, 1] },
  ...{ ArrowUp: [0, TURN, 1], ArrowDown: [0, -TURN, 1] },
  ...{ "+": [0, 0, 0.9], "-": [0, 0, 1 / 0.9] },
};

function turn(host, plotly, event) {
  if (!KEYS[event.key]) return;
  event.preventDefault();
  host.touched = performance.now();
  const [aside, up, nearer] = KEYS[event.key];
  const [x, y, z, ...looks] = host.camera;
  const height = Math.max(-1.5, Math.min(1.5, Math.atan2(z, Math.hypot(x, y)) + up));
  const side = Math.atan2(y, x) + aside;
  const radius = Math.hypot(x, y, z) * nearer;
  const [flat, top] = [radius * Math.cos(height), radius * Math.sin(height)];
  host.camera = [flat * Math.cos(side), flat * Math.sin(side), top, ...looks];
  place(host, plotly);
  clearTimeout(host.rest);
  host.rest = setTimeout(() => tellCamera(host), STILL);
}
