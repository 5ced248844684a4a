// What components around plotly.js share; joined to each of them.

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  return parent.appendChild(made);
}

// The file lies beside the page.
function load(file) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error(`${file} was not loaded`));
    document.head.append(script);
  });
}

function colorsOf(root) {
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(`--st-${name}-color`).trim();
  return { paper: color("background"), text: color("text") };
}
