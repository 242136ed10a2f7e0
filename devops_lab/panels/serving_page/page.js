// When the page is left its kernel ends; what it started goes on, and the next page finds it again.
(function () {
  "use strict";
  const base = document.body.dataset.baseUrl;
  const kernel = JSON.parse(document.getElementById("jupyter-config-data").textContent).kernelId;
  addEventListener("pagehide", function () {
    const told = new FormData();
    const held = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/);
    told.append("_xsrf", held ? held[1] : "");
    navigator.sendBeacon(base + "api/shutdown/" + kernel, told);
  });
  // A page from the browser's memory has no kernel any more.
  addEventListener("pageshow", function (event) {
    if (event.persisted) location.reload();
  });
})();
