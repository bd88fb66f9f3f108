// Observed minus computed values over computed ones, as a figure of plotly.js.

let loading = null;

/** Load plotly.js, once. It is large, so only when the figure is asked for. */
function plotly() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "static/plotly.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error("plotly.js cannot be loaded; is the package `plotly` installed?"));
    document.head.append(script);
  });
  return loading;
}

/** Draw the figure for the chosen spectrum. */
export async function drawResiduals(place, desk, computed) {
  const figure = await plotly();
  const rows = desk.observed();
  const unit = desk.state.unit ? ` (${desk.state.unit})` : "";
  const errors = rows.map((row) => row.sigma ?? 0);
  const trace = {
    x: rows.map((row) => computed[row.target]),
    y: rows.map((row) => row.value - computed[row.target]),
    error_y: { type: "data", array: errors, visible: errors.some((error) => error > 0) },
    text: rows.map((row) => desk.state.targets[row.target].name),
    hovertemplate: "%{text}<br>%{y:.5g}<extra></extra>",
    mode: "markers",
    type: "scatter",
    marker: { color: "#1f6fb4" },
  };
  const layout = {
    height: 320,
    margin: { l: 60, r: 10, t: 10, b: 45 },
    xaxis: { title: { text: `computed${unit}` }, zeroline: false },
    yaxis: { title: { text: `observed − computed${unit}` } },
  };
  await figure.react(place, [trace], layout, { responsive: true, displaylogo: false });
}
