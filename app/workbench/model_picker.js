// The choice of a model: what is chosen in the select element goes to the server.
export function listenToChooser(element, props, trigger, watch) {
  watch("value", () => {
    const select = element.querySelector("select");
    if (select) select.value = props.value; // another was chosen by the address of the page
  });
  element.addEventListener("change", (event) => {
    props.value = event.target.value;
    trigger("input");
  });
}
