// Shows the document that the page brings along, with the viewer that was loaded before.
const text = document.getElementById("document").textContent;
const viewer = document.getElementById("viewer");
if (window.AsyncApiStandalone) {
  const config = { show: { sidebar: true, errors: true }, expand: { messageExamples: true } };
  AsyncApiStandalone.render({ schema: JSON.parse(text), config }, viewer);
} else {
  // nothing is sent from here: no service is behind these pages, and no validator is asked
  const quiet = { validatorUrl: null, supportedSubmitMethods: [] };
  const { specActions } = SwaggerUIBundle({ domNode: viewer, defaultModelsExpandDepth: 0, ...quiet });
  // references are looked up within what has a web address, which a page opened from a folder has not
  specActions.updateUrl("https://site.invalid/openapi.json");
  specActions.updateSpec(text);
}
