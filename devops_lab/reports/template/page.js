(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var colours = JSON.parse(document.getElementById("colours").textContent);
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot[data-figure]"));
  var quiet = { displayModeBar: false, responsive: true, doubleClick: false, scrollZoom: false };

  var NARROW = 480;

  function coloured(value, side) {
    if (typeof value === "string") {
      if (Object.prototype.hasOwnProperty.call(colours, value)) { return colours[value][side]; }
      return value.replace(/color:(#[0-9A-Fa-f]{6})/g, function (whole, one) {
        return Object.prototype.hasOwnProperty.call(colours, one) ? "color:" + colours[one][side] : whole;
      });
    }
    if (Array.isArray(value)) { return value.map(function (one) { return coloured(one, side); }); }
    if (value && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) { copy[key] = coloured(value[key], side); });
      return copy;
    }
    return value;
  }

  function thin(axis, most) {
    if (!axis) { return; }
    axis.nticks = Math.min(axis.nticks || most, most);
    while (axis.tickvals && axis.tickvals.length > most) {
      axis.tickvals = axis.tickvals.filter(function (_, place) { return place % 2 === 0; });
      axis.ticktext = axis.ticktext.filter(function (_, place) { return place % 2 === 0; });
    }
  }

  function draw(place, side) {
    var figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    figure = coloured(figure, side);
    delete figure.layout.width;
    if (place.clientWidth < NARROW) { thin(figure.layout.xaxis, 5); thin(figure.layout.yaxis, 6); }
    window.Plotly.react(place, figure.data, figure.layout, quiet).then(function () { place.dataset.drawn = "yes"; });
    place.dataset.side = side;
  }

  function side() { return dark.matches ? 1 : 0; }
  function drawAll(which) {
    plots.forEach(function (place) { if (place.dataset.side !== String(which)) { draw(place, which); } });
  }

  function begin() {
    var waiting = new IntersectionObserver(function (seen) {
      seen.forEach(function (one) {
        if (one.isIntersecting) { waiting.unobserve(one.target); draw(one.target, side()); }
      });
    }, { rootMargin: "600px 0px" });
    plots.forEach(function (place) { waiting.observe(place); });
    window.setTimeout(function () { drawAll(side()); }, 300);
    dark.addEventListener("change", function () { drawAll(side()); });
    window.addEventListener("beforeprint", function () { drawAll(0); });
    window.addEventListener("afterprint", function () { drawAll(side()); });
  }

  function sayInstead() {
    plots.forEach(function (place) {
      place.style.height = "auto";
      place.textContent = place.getAttribute("aria-label");
    });
  }

  function unpack(holder) {
    var packed = Uint8Array.from(window.atob(holder.textContent), function (letter) { return letter.charCodeAt(0); });
    var stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text().then(function (source) {
      var script = document.createElement("script");
      script.textContent = source;
      document.head.appendChild(script);
      script.remove();
      holder.remove();
    });
  }

  var holder = document.getElementById("plotly");
  if (holder && plots.length) {
    if (window.DecompressionStream) { unpack(holder).then(begin, sayInstead); } else { sayInstead(); }
  }
  var narrow = window.matchMedia("(max-width: 1100px)");
  var contents = document.querySelector(".contents details");
  function fold() { if (contents) { contents.open = !narrow.matches; } }
  narrow.addEventListener("change", fold);
  fold();
})();
