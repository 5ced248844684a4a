// A button beside the camera of every chart's modebar that saves it as SVG, not PNG.

const CAMERA = '.modebar-btn[data-attr="toImage"], .modebar-btn[data-title*="PNG" i]';
const TITLE = "Download as SVG";
// A floppy disk, on the same 24 x 24 grid as plotly's own.
const DISK = "M4 3h12l4 4v13a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zm2 2v4h8V5zm6 8a3 3 0 1 0 0 6 3 3 0 0 0 0-6z";

if (!window.flatdiffSavesSvg) {
  window.flatdiffSavesSvg = true;
  // Plotly makes its modebar anew whenever a chart gets new data.
  new MutationObserver(addAll).observe(document.body, { childList: true, subtree: true });
  addAll();
}

function addAll() {
  for (const camera of document.querySelectorAll(CAMERA)) {
    const group = camera.parentElement;
    if (!group.querySelector(`[data-title="${TITLE}"]`)) camera.after(svgButton(camera));
  }
}

function svgButton(camera) {
  const made = camera.cloneNode(true);
  made.removeAttribute("data-attr");
  made.setAttribute("data-title", TITLE);
  made.setAttribute("aria-label", TITLE);
  const icon = made.querySelector("svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  const path = icon.querySelector("path");
  path.setAttribute("d", DISK);
  path.removeAttribute("transform");
  made.onclick = () => saveAsSvg(camera);
  return made;
}

// The camera asks the chart's own options which kind of file is wanted.
function saveAsSvg(camera) {
  const chart = camera.closest(".js-plotly-plot");
  const options = chart._context.toImageButtonOptions;
  const format = options.format;
  chart._context.toImageButtonOptions = { ...options, format: "svg" };
  camera.click();
  chart._context.toImageButtonOptions = { ...options, format };
}
