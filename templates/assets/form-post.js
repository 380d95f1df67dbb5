// Sends the answer on to the app (OAuth 2.0 Form Post Response Mode). Without script the button does it.
"use strict";
{
  const form = document.querySelector("form[data-submit]");
  // Through the prototype: a field named "submit" would stand in front of the method.
  if (form) HTMLFormElement.prototype.submit.call(form);
}
