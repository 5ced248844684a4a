// plotly.js takes every touch of a chart for a drag, and the page under it stands still. Of one
// finger it is not told: a swipe scrolls the page, and a tap comes as a click of the mouse would.

if (!window.flatdiffSwipes) {
  window.flatdiffSwipes = true;
  const keep = (event) => {
    if (event.touches.length === 1 && event.target.closest(".draglayer")) event.stopPropagation();
  };
  window.addEventListener("touchstart", keep, { capture: true, passive: true });
}
