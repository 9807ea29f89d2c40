// Runs before the first paint, so that the page does not flash in the colours that were not chosen. It is no module,
// for those wait for the whole document.
(() => {
  'use strict';
  let theme = null;
  try {
    theme = localStorage.getItem('coe.theme');
  } catch {
    // A browser that keeps nothing shows the system's colours.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
