// Before the first paint: the theme that was chosen here, so that the page doesn't flash in the other one.
try {
  const theme = localStorage.getItem("tailrace.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // no storage is allowed: the system's theme it is
}
