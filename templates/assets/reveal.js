// Lets people look at the password they type. Without script the button stays hidden.
"use strict";
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? button.dataset.hide : button.dataset.show;
  };
  button.addEventListener("click", () => show(input.type === "password"));
  // A password in a text field would be offered for completion in other forms.
  input.form.addEventListener("submit", () => show(false));
  input.setAttribute("autocapitalize", "off");
  input.setAttribute("spellcheck", "false");
  button.hidden = false;
}
