// A chart that stays while its data change: what somebody hid in the legend stays hidden, a zoom
// stays, and nothing flickers. A chart of Streamlit's own is made anew for each new figure.

const OPTIONS = {
  displaylogo: false,
  showSendToCloud: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d"],
};
const FAINT = "26"; // of a colour in hex: how much of it is seen in the lines of a grid

const charts = new WeakMap(); // by parent element
let library; // plotly.js, once a page load

export default function ({ data, parentElement }) {
  if (!charts.has(parentElement)) charts.set(parentElement, makeChart(parentElement));
  const chart = charts.get(parentElement);
  chart.plot.setAttribute("aria-label", data.alt);
  show(chart, data);
  // Streamlit also calls this when a newer call has overtaken a slow one: then all stays.
  return () => {
    if (!parentElement.isConnected) remove(chart);
  };
}

function makeChart(parent) {
  const root = element("div", "steady-chart", parent);
  const notice = element("p", "", root);
  notice.setAttribute("role", "status");
  const plot = element("div", "steady-chart-plot", root);
  plot.setAttribute("role", "group");
  return { root, notice, plot };
}

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  return parent.appendChild(made);
}

async function show(chart, { figure, plotly: file }) {
  chart.figure = figure;
  try {
    library ??= load(file);
    draw(chart, await library);
    chart.notice.textContent = "";
  } catch (error) {
    library = undefined;
    chart.notice.textContent = "The chart could not be drawn; its numbers stand below.";
    console.error(error);
  }
}

function load(file) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file; // beside the page
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error(`${file} was not loaded`));
    document.head.append(script);
  });
}

function draw(chart, plotly) {
  const colors = colorsOf(chart.root);
  const drawn = chart.figure + JSON.stringify(colors);
  if (chart.drawn === drawn || !chart.root.isConnected) return;
  chart.drawn = drawn;
  const { data, layout } = JSON.parse(chart.figure);
  chart.plot.style.height = `${layout.height}px`;
  plotly.react(chart.plot, data, dressed(layout, colors), OPTIONS);
  chart.resized ??= resizing(chart.plot, plotly);
}

function resizing(plot, plotly) {
  const observer = new ResizeObserver(() => plot.offsetWidth && plotly.Plots.resize(plot));
  observer.observe(plot);
  return observer;
}

async function remove(chart) {
  chart.resized?.disconnect();
  if (library) (await library).purge(chart.plot);
}

function colorsOf(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    paper: value("background-color"),
    raised: value("secondary-background-color"),
    text: value("text-color"),
    line: value("border-color"),
    family: value("font"),
  };
}

function dressed({ template, ...layout }, { paper, raised, text, line, family }) {
  const grid = /^#\w{6}$/.test(text) ? text + FAINT : line;
  const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, automargin: true };
  return {
    ...layout,
    autosize: true,
    paper_bgcolor: paper,
    plot_bgcolor: paper,
    font: { color: text, family },
    hoverlabel: { bgcolor: raised, bordercolor: line, font: { color: text, family } },
    modebar: { bgcolor: "transparent", color: text, activecolor: text },
    xaxis: { ...axis, showgrid: false, spikecolor: text, spikethickness: 1, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
}
