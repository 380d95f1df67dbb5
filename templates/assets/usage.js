// Draws the plot of the usage page from its table, so that the plot shows nothing that the table does not.

'use strict';

(() => {
  const figure = document.querySelector('[data-plot]');
  const table = figure && document.getElementById(figure.dataset.plot);
  if (!table || typeof Chart === 'undefined') return;

  const text = (cell) => cell.textContent.trim();
  const rows = [...table.tBodies[0].rows];
  const names = [...table.tHead.rows[0].cells].slice(1).map(text);
  const labels = rows.map((row) => row.cells[0].dataset.short);
  const titles = rows.map((row) => text(row.cells[0]));
  const column = (index) => rows.map((row) => Number(row.cells[index + 1].dataset.value));

  const canvas = document.createElement('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', figure.dataset.label);
  const frame = document.createElement('div');
  frame.append(canvas);
  figure.append(frame);
  figure.hidden = false;

  const colour = (name) => getComputedStyle(figure).getPropertyValue(name).trim();
  const fill = (index) => colour(`--plot-${(index % 7) + 1}`);
  const paint = () => {
    chart.data.datasets.forEach((set, index) => { set.backgroundColor = fill(index); });
    const [ink, line] = [colour('--soft'), colour('--line')];
    chart.options.plugins.legend.labels.color = ink;
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = ink;
      scale.grid.color = line;
      scale.border.color = line;
    }
    chart.update('none');
  };
  const axis = (more) => ({ stacked: true, ticks: {}, border: {}, ...more });
  const chart = new Chart(canvas, {
    type: 'bar',
    data: {
      labels,
      datasets: names.map((label, index) => ({ label, data: column(index), backgroundColor: fill(index), maxBarThickness: 40 })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: 'index', intersect: false },
      font: { family: getComputedStyle(document.body).fontFamily },
      scales: {
        x: axis({ grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 12 } }),
        y: axis({ grid: {}, beginAtZero: true, ticks: { precision: 0 } }),
      },
      plugins: {
        colors: { enabled: false },
        legend: { position: 'bottom', align: 'start', labels: { boxWidth: 12, boxHeight: 12 } },
        tooltip: {
          filter: (item) => item.raw > 0,
          callbacks: { title: (items) => (items.length > 0 ? titles[items[0].dataIndex] : '') },
        },
      },
    },
  });
  paint();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);

  // The numbers are one key press away, and on paper they are there.
  const numbers = table.closest('details');
  numbers.open = false;
  addEventListener('beforeprint', () => { numbers.open = true; });
})();
