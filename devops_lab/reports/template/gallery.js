(function () {
  "use strict";
  var box = document.getElementById("search");
  var said = document.getElementById("found");
  var cards = Array.prototype.slice.call(document.querySelectorAll(".card"));

  function find() {
    var words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = cards.filter(function (card) {
      var here = words.every(function (word) { return card.dataset.search.indexOf(word) >= 0; });
      card.hidden = !here;
      return here;
    });
    said.textContent = words.length ? shown.length + " of " + cards.length : "";
  }

  box.addEventListener("input", find);
  find();
})();
