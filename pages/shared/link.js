// The button that copies the page's address, and what the browser's own Back does to it.

const SHOWN = 2000; // ms that "Copied" stays
const SETTLED = 50; // ms after which it is known whether only the anchor has changed

// Where the page is no secure context (plain http on another machine), browsers have only the old
// way to copy.
const oldWay = (text) => {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
};

const copy = (text) =>
  window.isSecureContext ? navigator.clipboard.writeText(text).catch(() => oldWay(text))
                         : oldWay(text);

export default function ({ parentElement }) {
  if (!window.flatdiffHonoursBack) {
    window.flatdiffHonoursBack = true;
    leaveOneEntry();
    reloadAtBack();
  }
  parentElement.querySelector(".present").onclick = present;
  const button = parentElement.querySelector(".copy");
  const label = button.querySelector("span");
  const say = (text) => {
    label.textContent = text;
    setTimeout(() => { label.textContent = "Copy link"; }, SHOWN);
  };
  button.onclick = () => copy(window.location.href).then(
    () => say("Copied"), () => window.prompt("Copy this link:", window.location.href));
}

// The same view for a wall; see present.py.
function present() {
  const view = new URL(window.location.href);
  view.searchParams.set("present", "1");
  window.location.assign(view);
}

// After a click on a link Streamlit takes the choices from the address, some at a time, and then
// goes to the other page. All of that is one entry, so that Back leads to the page as it was.
function leaveOneEntry() {
  const push = history.pushState.bind(history);
  let leaving = false; // a link was clicked
  let stripped = false; // since then an entry was made that no one has seen
  document.addEventListener("click", (event) => {
    leaving ||= event.target.closest?.("a[href]") != null;
  }, true);
  history.pushState = (state, unused, url) => {
    const to = new URL(url ?? "", window.location.href);
    const there = to.pathname !== window.location.pathname;
    if (stripped) history.replaceState(state, unused, url);
    else push(state, unused, url);
    stripped = leaving && !there;
    leaving &&= !there;
  };
}

// Streamlit draws the page of an earlier address with the defaults of its widgets, whatever the
// address says of them; loaded afresh, it reads them.
function reloadAtBack() {
  const withoutAnchor = (url) => url.split("#")[0];
  let anchorOnly = false;
  window.addEventListener("hashchange", (event) => {
    anchorOnly = withoutAnchor(event.oldURL) === withoutAnchor(event.newURL);
  });
  window.addEventListener("popstate", () => {
    const { href } = window.location; // Streamlit is about to take its choices from it
    setTimeout(() => {
      if (!anchorOnly) {
        window.history.replaceState(window.history.state, "", href);
        window.location.reload();
      }
      anchorOnly = false;
    }, SETTLED);
  });
}
