// Draws the tables marked `data-chart`: the figures stay in the table, the picture is made of them.
// Without this script, or where it fails, the table is what one sees.
import { BarChart, HeatmapChart, LineChart, SankeyChart, ScatterChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([
  BarChart, HeatmapChart, LineChart, SankeyChart, ScatterChart,
  AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, SVGRenderer,
]);

const number = (cell) => {
  const value = cell.dataset.value ?? cell.textContent.replace(/[^\d.,−-]/g, "").replace("−", "-").replace(/,/g, "");
  return value === "" ? null : Number(value);
};
const words = (cell) => cell.dataset.label ?? cell.textContent.trim();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A table as {heads, rows: [{label, values, hrefs}]}; only columns whose head says data-series are drawn.
function read(table) {
  const heads = [...table.querySelectorAll("thead th")];
  const drawn = heads.map((head, place) => [head, place]).filter(([head]) => "series" in head.dataset);
  const rows = [...table.querySelectorAll("tbody tr")].map((row) => {
    const cells = [...row.children];
    return {
      label: words(cells[0]),
      values: drawn.map(([, place]) => number(cells[place])),
      hrefs: drawn.map(([, place]) => cells[place].querySelector("a")?.href),
    };
  });
  return { heads: drawn.map(([head]) => head.dataset.series || words(head)), rows };
}

function palette() {
  return {
    ink: colour("--ink"),
    faint: colour("--line"),
    series: ["--pine", "--wax", "--info", "--warn", "--good", "--bad", "--ink-soft"].map(colour),
  };
}

const axis = (look, more) => ({
  axisLabel: { color: look.ink },
  axisLine: { lineStyle: { color: look.faint } },
  splitLine: { lineStyle: { color: look.faint } },
  ...more,
});

function lines(table, look, type) {
  const { heads, rows } = read(table);
  const stack = table.dataset.stack === undefined ? undefined : "all";
  return {
    legend: heads.length > 1 ? { textStyle: { color: look.ink }, top: 0, type: "scroll" } : undefined,
    grid: { left: 8, right: 16, top: heads.length > 1 ? 36 : 16, bottom: 8, containLabel: true },
    xAxis: axis(look, { type: "category", data: rows.map((row) => row.label), boundaryGap: type === "bar" }),
    yAxis: axis(look, { type: "value", name: table.dataset.unit ?? "", nameTextStyle: { color: look.ink } }),
    series: heads.map((name, place) => ({
      name, type, stack, areaStyle: stack && type === "line" ? { opacity: 0.35 } : undefined,
      showSymbol: rows.length < 40, symbolSize: 5, barMaxWidth: 36,
      data: rows.map((row) => ({ value: row.values[place], href: row.hrefs[place] })),
    })),
  };
}

function heat(table, look) {
  const { heads, rows } = read(table);
  const data = rows.flatMap((row, y) => row.values.map((value, x) => ({ value: [x, y, value], href: row.hrefs[x] })));
  const most = Math.max(1, ...data.map((each) => each.value[2] ?? 0));
  return {
    grid: { left: 8, right: 8, top: 8, bottom: 48, containLabel: true },
    xAxis: axis(look, { type: "category", data: heads }),
    yAxis: axis(look, { type: "category", data: rows.map((row) => row.label), inverse: true }),
    visualMap: {
      min: 0, max: most, orient: "horizontal", left: "center", bottom: 0, calculable: false,
      textStyle: { color: look.ink }, inRange: { color: [colour("--sunken"), colour("--pine")] },
    },
    series: [{ type: "heatmap", data: data.filter((each) => each.value[2] !== null) }],
  };
}

// Rows are (from, to, how many): the first two columns words, the series column the width of the band.
function flow(table, look) {
  const rows = [...table.querySelectorAll("tbody tr")].map((row) => [...row.children]);
  const links = rows.map((cells) => ({
    source: `${words(cells[0])} `, target: words(cells[1]), value: number(cells[2]),
    href: cells[2].querySelector("a")?.href,
  })).filter((link) => link.value > 0);
  const names = [...new Set(links.flatMap((link) => [link.source, link.target]))];
  return {
    series: [{
      type: "sankey", left: 8, right: 130, top: 8, bottom: 8, emphasis: { focus: "adjacency" },
      label: { color: look.ink }, lineStyle: { color: "source", opacity: 0.35 },
      data: names.map((name) => ({ name })), links,
    }],
  };
}

const KINDS = {
  line: (table, look) => lines(table, look, "line"),
  bar: (table, look) => lines(table, look, "bar"),
  heat, flow,
};

function draw(table) {
  const place = document.createElement("div");
  place.className = `chart chart-${table.dataset.chart}`;
  const holder = table.closest(".chart-data");
  holder.before(place);
  holder.open = false;
  const chart = init(place, null, { renderer: "svg" });
  const show = () => {
    const look = palette();
    chart.setOption({
      color: look.series,
      animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true, label: { description: `${table.caption?.textContent ?? ""}. The figures stand in the table below.` } },
      tooltip: { renderMode: "richText", confine: true, trigger: table.dataset.chart === "line" ? "axis" : "item" },
      ...KINDS[table.dataset.chart](table, look),
    }, true);
  };
  show();
  chart.on("click", ({ data }) => { if (data?.href) location.assign(data.href); });
  new ResizeObserver(() => chart.resize()).observe(place);
  new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
}

for (const table of document.querySelectorAll("table[data-chart]")) {
  try {
    draw(table);
  } catch (error) {
    console.warn("A chart could not be drawn; its table shows the figures.", error);
  }
}
