"use strict";
// Draws the charts, and ties map, chart and table of berths together. Text is only ever set as text.

(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const clicks = read("clicks");
  const maps = {};

  async function draw() {
    const figures = read("figures");
    for (const [id, item] of Object.entries(figures)) {
      const place = document.getElementById(id);
      const views = await Bokeh.embed.embed_item(item, place);
      const model = views.roots ? views.roots[0].model : views[0].model;
      const port = id.split("-")[0];
      if (id.endsWith("-map")) maps[port] = model;
      connect(port, model);
    }
    document.documentElement.dataset.ready = "true";
  }

  // A click on a berth of the map or on a visit of the occupancy chart shows the berth.
  function connect(port, figure) {
    for (const name of ["berths", "gantt"]) {
      const source = figure.select ? sourceOf(figure, name) : null;
      if (!source) continue;
      source.selected.properties.indices.change.connect(() => {
        const [at] = source.selected.indices;
        if (at !== undefined) show(port, source.data.berth_id[at], name === "berths");
      });
    }
  }

  function sourceOf(figure, name) {
    const renderer = figure.renderers.find((r) => r.data_source && r.data_source.name === name);
    return renderer ? renderer.data_source : null;
  }

  function show(port, berth, fromMap) {
    const found = clicks[port][berth];
    const panel = document.getElementById(port + "-panel");
    if (!found || !panel) return;
    const detail = panel.querySelector(".detail");
    detail.replaceChildren(element("h4", found.title), facts(found.facts));
    if (found.visits) detail.append(visits(found.visits));
    panel.querySelector("select").value = berth;
    for (const row of document.querySelectorAll("#" + port + " tr[data-berth]")) {
      row.classList.toggle("chosen", row.dataset.berth === berth);
    }
    const source = maps[port] ? sourceOf(maps[port], "berths") : null;
    if (source && !fromMap) {
      const at = source.data.berth_id.indexOf(berth);
      source.selected.indices = at < 0 ? [] : [at];
      if (at >= 0) zoomTo(maps[port], source.data.xs[at].flat(2), source.data.ys[at].flat(2));
    }
  }

  function zoomTo(map, xs, ys) {
    const { x_range: across, y_range: up } = map;
    const ratio = (across.end - across.start) / (up.end - up.start);
    const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
    const size = Math.max(...ys) - Math.min(...ys) + (Math.max(...xs) - Math.min(...xs)) / ratio;
    const half = Math.max(2 * size, 0.004);
    // Else Bokeh goes back to its first view when it draws.
    for (const range of [across, up]) range.have_updated_interactively = true;
    up.setv({ start: middle(ys) - half, end: middle(ys) + half });
    across.setv({ start: middle(xs) - half * ratio, end: middle(xs) + half * ratio });
  }

  function element(name, text) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function facts(pairs) {
    const list = element("dl");
    list.className = "facts";
    for (const [name, value] of pairs) list.append(element("dt", name), element("dd", value));
    return list;
  }

  function visits(rows) {
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const name of ["Ship", "From, to (UTC)", "Hours"]) head.append(element("th", name));
    const body = table.createTBody();
    for (const row of rows.slice(-100).reverse()) {
      const line = body.insertRow();
      for (const texts of row) {
        const cell = element("td");
        for (const text of texts) cell.append(element("div", text));
        line.append(cell);
      }
    }
    const box = element("div");
    box.className = "scroll";
    box.append(table);
    if (rows.length > 100) box.prepend(element("p", "the latest 100 of " + rows.length + " visits"));
    return box;
  }

  // Sorting: numbers by data-sort, all else as text; empty cells last.
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = element("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const start = head.classList.contains("n") ? "descending" : "ascending";
        const other = start === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === start ? other : start;
        heads.forEach((cell) => cell.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        sort(table.tBodies[0], at, order === "ascending" ? 1 : -1);
      });
    });
  }

  function sort(body, at, sign) {
    const value = (row) => {
      const cell = row.cells[at];
      const text = cell.dataset.sort === undefined ? cell.textContent.trim() : cell.dataset.sort;
      return text === "" ? null : cell.dataset.sort === undefined ? text : Number(text);
    };
    const rows = [...body.rows].map((row, place) => ({ row, place, value: value(row) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      const order = typeof a.value === "number" ? a.value - b.value : a.value.localeCompare(b.value);
      return sign * order || a.place - b.place;
    });
    body.append(...rows.map((entry) => entry.row));
  }

  // On paper a chart keeps the size that it has on the screen, so it is zoomed to the width of the page, and a
  // map to the room that the key figures leave on theirs. The button draws the charts anew for the page first,
  // which keeps their letters readable.
  const PAPER_PX = 698;
  const MAP_PX = 450;

  function fit(place) {
    const room = place.closest(".pair") ? PAPER_PX / 2 - 12 : PAPER_PX;
    const wide = room / Math.max(place.offsetWidth, 1);
    const high = place.classList.contains("map") ? MAP_PX / Math.max(place.offsetHeight, 1) : wide;
    const zoom = Math.min(wide, high);
    place.style.setProperty("--to-paper", Math.min(zoom, 1.1).toFixed(3));
  }

  function printing() {
    const button = document.getElementById("print");
    button.hidden = false;
    button.addEventListener("click", () => {
      document.body.classList.add("paper");
      setTimeout(() => window.print(), 700);
    });
    window.addEventListener("afterprint", () => document.body.classList.remove("paper"));
    const observer = new ResizeObserver((entries) => entries.forEach((entry) => fit(entry.target)));
    document.querySelectorAll(".chart").forEach((place) => observer.observe(place));
  }

  printing();
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.addEventListener("change", (event) => {
    const { layer, of, choose } = event.target.dataset;
    if (choose) show(choose, event.target.value, false);
    if (!layer || !maps[of]) return;
    for (const renderer of maps[of].renderers) {
      if (renderer.name === layer) renderer.visible = event.target.checked;
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest ? event.target.closest("a[data-show]") : null;
    if (link) show(link.dataset.show, link.closest("tr").dataset.berth, false);
  });
  draw();
})();
