// The choice of a model: what is chosen in the select element goes to the server.
export function listenToChooser(element, props, trigger) {
  element.addEventListener("change", (event) => {
    props.value = event.target.value;
    trigger("input");
  });
}
