// Draws each figure when a reader comes near it, in the reader's colours.
"use strict";
const read = (name) => JSON.parse(document.getElementById(name).textContent);
const figures = read("figures");
const templates = read("templates");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = [...document.querySelectorAll(".chart")];
let printing = false;

const svg = {
  name: "svg",
  title: "Download plot as SVG",
  icon: Plotly.Icons.disk,
  click: (chart) => Plotly.downloadImage(chart, { format: "svg", filename: "flatdiff" }),
};
const config = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToAdd: [svg],
  toImageButtonOptions: { filename: "flatdiff", scale: 2 },
};

function draw(chart) {
  const { data, layout } = figures[Number(chart.dataset.figure)];
  const template = templates[dark.matches && !printing ? "dark" : "light"];
  const clear = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  Plotly.react(chart, data, { ...layout, ...clear, template }, config);
  chart.dataset.drawn = "yes";
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        near.unobserve(target);
        draw(target);
      }
    }
  },
  { rootMargin: "600px" },
);
charts.forEach((chart) => near.observe(chart));

const again = () => charts.filter((chart) => chart.dataset.drawn).forEach(draw);
dark.addEventListener("change", again);
window.addEventListener("beforeprint", () => {
  printing = true;
  charts.filter((chart) => chart.offsetParent !== null).forEach(draw);
});
window.addEventListener("afterprint", () => {
  printing = false;
  again();
});
