// SPDX-License-Identifier: Apache-2.0
/*
 * report_page.js - the curve and the maps of the page
 *
 * The data is what report_page_json.c writes: see there. Names come from guests' processes
 * and go into the page as text only.
 */
"use strict";

(() => {
	const data = JSON.parse(document.getElementById("page-data").textContent);
	const svgSpace = "http://www.w3.org/2000/svg";

	const byId = (id) => document.getElementById(id);
	const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

	function element(parent, name, attributes = {}, text = "") {
		const space = parent.namespaceURI === svgSpace || name === "svg" ? svgSpace : "http://www.w3.org/1999/xhtml";
		const made = document.createElementNS(space, name);

		for (const [key, value] of Object.entries(attributes))
			made.setAttribute(key, value);
		if (text)
			made.textContent = text;
		parent.append(made);
		return made;
	}

	function bytes(value) {
		const units = ["B", "KiB", "MiB", "GiB", "TiB"];
		let size = Math.abs(value), unit = 0;

		while (size >= 1024 && unit < units.length - 1) {
			size /= 1024;
			unit++;
		}
		return `${value < 0 ? "-" : ""}${size.toFixed(unit > 0 && size < 100 ? 1 : 0)} ${units[unit]}`;
	}

	function duration(seconds) {
		if (seconds < 120)
			return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
		if (seconds < 7200)
			return `${(seconds / 60).toFixed(0)} min`;
		if (seconds < 172800)
			return `${(seconds / 3600).toFixed(1)} h`;
		return `${(seconds / 86400).toFixed(1)} days`;
	}

	/* ------------------------------------------------------------ the curve */

	/* A point is [ms, figure, ...] and holds until the next one. */
	function figureAt(points, time, index) {
		let low = 0, high = points.length;

		while (low < high) {
			const middle = (low + high) >> 1;

			if (points[middle][0] <= time)
				low = middle + 1;
			else
				high = middle;
		}
		return low > 0 ? points[low - 1][index] : 0;
	}

	const sumAt = (lists, time, index) => lists.reduce((sum, points) => sum + figureAt(points, time, index), 0);

	/* Places of figures in a guest's points and a domain's. */
	const POPULATED = 1, SHARED = 2, ZERO = 3, RETURNED = 4;
	const FRAMES = 1, MAPPED = 2;

	/* What is to be seen of one choice: named lines as functions of time. */
	function curvesOf(guests, domains) {
		return [
			{ name: "reclaimed", ink: "--shared", dash: "", wide: true,
			  at: (t) => sumAt(domains, t, MAPPED) - sumAt(domains, t, FRAMES) + sumAt(guests, t, ZERO) },
			{ name: "guests' own memory", ink: "--unique", dash: "7 4",
			  at: (t) => sumAt(guests, t, POPULATED) },
			{ name: "store", ink: "--huge", dash: "2 3",
			  at: (t) => sumAt(domains, t, FRAMES) },
		];
	}

	function curvesOfGuest(points) {
		return [
			{ name: "shared", ink: "--shared", dash: "", wide: true, at: (t) => figureAt(points, t, SHARED) },
			{ name: "own memory", ink: "--unique", dash: "7 4", at: (t) => figureAt(points, t, POPULATED) },
			{ name: "zero", ink: "--huge", dash: "2 3", at: (t) => figureAt(points, t, ZERO) },
			{ name: "returned", ink: "--faint", dash: "10 3 2 3", at: (t) => figureAt(points, t, RETURNED) },
		];
	}

	function choices() {
		const { guests, domains } = data.history;
		const points = (list) => list.map((one) => one.points);
		const list = [];

		const add = (title, curves, series) => {
			const times = [...new Set(series.flat().map((point) => point[0]))].sort((a, b) => a - b);

			if (times.length > 1)
				list.push({ title, curves, times });
		};
		add("all domains", curvesOf(points(guests), points(domains)), [...points(guests), ...points(domains)]);
		for (const domain of domains) {
			const members = points(guests.filter((guest) => guest.domain === domain.name));

			add(`domain ${domain.name}`, curvesOf(members, [domain.points]), [...members, domain.points]);
		}
		for (const guest of guests)
			add(`guest ${guest.name}`, curvesOfGuest(guest.points), [guest.points]);
		return list;
	}

	const frame = { left: 70, right: 12, top: 10, bottom: 26, height: 280 };

	function niceStep(span, wanted, base) {
		const rough = span / wanted;
		let step = base ** Math.floor(Math.log(rough) / Math.log(base));

		while (span / step > wanted)
			step *= 2;
		return step;
	}

	/* Draws; returns what tells the time at a place. */
	function plotDraw(choice) {
		const plot = byId("curve-plot");
		const width = Math.max(plot.clientWidth, 320);
		const { times, curves } = choice;
		const begin = times[0], span = times[times.length - 1] - begin || 1;
		const values = curves.map((curve) => times.map(curve.at));
		const top = values.flat().reduce((a, b) => Math.max(a, b), 1);
		const low = values.flat().reduce((a, b) => Math.min(a, b), 0);
		const x = (time) => frame.left + (time - begin) / span * (width - frame.left - frame.right);
		const y = (value) => frame.height - frame.bottom
			- (value - low) / (top - low) * (frame.height - frame.top - frame.bottom);
		const step = niceStep(top - low, 6, 1024), tick = niceStep(span, 8, 10);

		plot.replaceChildren();
		plot.setAttribute("viewBox", `0 0 ${width} ${frame.height}`);
		for (let value = Math.ceil(low / step) * step; value <= top; value += step) {
			element(plot, "line", { class: "grid", x1: frame.left, x2: width - frame.right, y1: y(value), y2: y(value) });
			element(plot, "text", { x: frame.left - 8, y: y(value) + 4, "text-anchor": "end" }, bytes(value));
		}
		for (let time = 0; time <= span; time += tick)
			element(plot, "text", { x: x(begin + time), y: frame.height - 8, "text-anchor": "middle" }, duration(time / 1000));
		curves.forEach((curve, index) => {
			const path = times.map((time, i) => (i === 0 ? `M${x(time)} ${y(values[index][i])}`
				: `H${x(time)}V${y(values[index][i])}`)).join("");

			element(plot, "path", { d: path, fill: "none", stroke: `var(${curve.ink})`,
				"stroke-width": curve.wide ? 2.5 : 1.8, "stroke-dasharray": curve.dash });
		});
		const cursor = element(plot, "line", { class: "cursor", y1: frame.top, y2: frame.height - frame.bottom, visibility: "hidden" });

		return (place) => {
			const time = begin + (place * width - frame.left) / (width - frame.left - frame.right) * span;
			const within = Math.min(Math.max(time, begin), begin + span);

			cursor.setAttribute("visibility", "visible");
			cursor.setAttribute("x1", x(within));
			cursor.setAttribute("x2", x(within));
			return within;
		};
	}

	function curveSay(choice, time) {
		const figures = choice.curves.map((curve) => `${curve.name} ${bytes(curve.at(time))}`).join(", ");

		byId("curve-says").textContent = `${duration((time - choice.times[0]) / 1000)} after the start: ${figures}`;
	}

	function curveLegend(choice) {
		const legend = byId("curve-legend");

		legend.replaceChildren();
		for (const curve of choice.curves) {
			const item = element(legend, "span");
			const sample = element(item, "svg", { width: 34, height: 10 });

			element(sample, "line", { x1: 1, x2: 33, y1: 5, y2: 5, stroke: `var(${curve.ink})`,
				"stroke-width": curve.wide ? 2.5 : 1.8, "stroke-dasharray": curve.dash });
			item.append(curve.name);
		}
	}

	function curveStart() {
		const list = choices(), select = byId("curve-of"), plot = byId("curve-plot");
		let timeAt;

		if (list.length === 0)
			return;
		byId("curve").hidden = false;
		list.forEach((choice, index) => element(select, "option", { value: index }, choice.title));
		const show = () => {
			const choice = list[select.value];

			curveLegend(choice);
			timeAt = plotDraw(choice);
			curveSay(choice, choice.times[choice.times.length - 1]);
		};

		select.addEventListener("change", show);
		window.addEventListener("resize", show);
		plot.addEventListener("pointermove", (event) => {
			const box = plot.getBoundingClientRect();

			curveSay(list[select.value], timeAt((event.clientX - box.left) / box.width));
		});
		show();
	}

	/* ------------------------------------------------------------- the maps */

	const map = data.map;
	const COLUMNS = 128, CELL = 8; /* canvas pixels */

	/* What is drawn on a kind's colour: distinct without colours. */
	const patterns = {
		unused: () => {},
		shared: () => {},
		zero: (pen) => pen.fillRect(3, 3, 2, 2),
		returned: (pen) => pen.fillRect(0, 3, 8, 1),
		unique: (pen) => { for (let i = 0; i < 8; i++) pen.fillRect(i, 7 - i, 1, 1); },
		changing: (pen) => { for (let i = 0; i < 4; i++) pen.fillRect(2 * i, (i % 2) * 4 + 1, 1, 2); },
		huge: (pen) => { pen.fillRect(0, 0, 8, 1); pen.fillRect(0, 0, 1, 8); },
		pinned: (pen) => pen.fillRect(2, 2, 4, 4),
	};
	const darkKinds = ["shared", "unique", "huge", "pinned"];

	function tileOf(kind) {
		const tile = document.createElement("canvas");

		tile.width = tile.height = CELL;
		const pen = tile.getContext("2d");

		pen.fillStyle = colour(`--${kind}`);
		pen.fillRect(0, 0, CELL, CELL);
		pen.fillStyle = colour(darkKinds.includes(kind) ? "--on-dark" : "--on-light");
		patterns[kind](pen);
		return tile;
	}

	/* A guest's runs of equal cells, one cell each: [[kind, pages], ...]. */
	function cellsOf(guest) {
		const cells = [];

		for (const [count, ...parts] of guest.runs) {
			const cell = [];

			for (let i = 0; i < parts.length; i += 2)
				cell.push([parts[i], parts[i + 1]]);
			for (let i = 0; i < count; i++)
				cells.push(cell);
		}
		return cells;
	}

	/* Pieces of a cell, as wide as they have pages, but each to be seen. */
	function cellDraw(pen, tiles, cell, left, top) {
		const pages = cell.reduce((sum, [, count]) => sum + count, 0);
		let done = 0, from = 0;

		cell.forEach(([kind, count], index) => {
			done += count;
			const left_over = cell.length - 1 - index;
			const to = Math.min(Math.max(Math.round(done / pages * CELL), from + 1), CELL - left_over);

			pen.drawImage(tiles[kind], from, 0, to - from, CELL, left + from, top, to - from, CELL);
			from = to;
		});
	}

	const place = (index) => [index % COLUMNS * CELL, Math.floor(index / COLUMNS) * CELL];

	function guestDraw(guest, tiles) {
		const pen = guest.canvas.getContext("2d");

		pen.clearRect(0, 0, guest.canvas.width, guest.canvas.height);
		guest.cells.forEach((cell, index) => cellDraw(pen, tiles, cell, ...place(index)));
	}

	/* Sets of cells: parents come before children, so that one walk back sums up what is below each. */
	function setsPrepare() {
		const { parent, frames, cell } = map.sets;
		const below = frames.slice();
		const children = frames.map(() => []);
		const ofCell = new Map();

		for (let set = parent.length - 1; set > 0; set--) {
			below[parent[set]] += below[set];
			children[parent[set]].push(set);
			if (!ofCell.has(cell[set]))
				ofCell.set(cell[set], []);
			ofCell.get(cell[set]).push(set);
		}
		return { parent, cell, below, children, ofCell };
	}

	const sets = setsPrepare();

	/* Other cells, and how many frames each has in common with this one. */
	function partnersOf(cell) {
		const partners = new Map();
		const add = (set, frames) => partners.set(sets.cell[set], (partners.get(sets.cell[set]) || 0) + frames);

		for (const set of sets.ofCell.get(cell) || []) {
			for (let up = sets.parent[set]; up > 0; up = sets.parent[up])
				add(up, sets.below[set]);
			const todo = [...sets.children[set]];

			while (todo.length > 0) {
				const down = todo.pop();

				add(down, sets.below[down]);
				todo.push(...sets.children[down]);
			}
		}
		return partners;
	}

	const hex = (address) => `0x${address.toString(16).padStart(9, "0")}`;

	/* RAM has a hole where devices are. */
	function addressOf(page) {
		const offset = page * map.page_bytes;

		return offset < map.hole_start ? offset : offset - map.hole_start + map.hole_end;
	}

	const guestOf = (cell) => map.guests.findLast((guest) => guest.first <= cell);

	function rangeOf(cell) {
		const guest = guestOf(cell);
		const first = (cell - guest.first) * map.cell_pages;
		const end = Math.min(first + map.cell_pages, guest.pages);

		return `${hex(addressOf(first))}–${hex(addressOf(end - 1) + map.page_bytes - 1)}`;
	}

	const pagesText = (count) => `${count} ${count === 1 ? "page" : "pages"}`;

	function cellSay(guest, index, partners) {
		const kinds = guest.cells[index].map(([kind, count]) => `${pagesText(count)} ${map.kinds[kind].title}`).join(", ");
		const others = [...partners].filter(([cell]) => guestOf(cell) !== guest).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
		const names = new Set(others.map(([cell]) => guestOf(cell).name));
		const lines = [`${guest.name} ${rangeOf(guest.first + index)}: ${kinds}`];

		if (others.length > 0)
			lines.push(`The same frames are in ${others.length} ${others.length === 1 ? "cell" : "cells"} of ${[...names].join(", ")}:`);
		for (const [cell, frames] of others.slice(0, 40))
			lines.push(`${guestOf(cell).name} ${rangeOf(cell)}: ${pagesText(frames)}`);
		if (others.length > 40)
			lines.push(`and ${others.length - 40} more`);
		byId("map-says").textContent = lines.join("\n");
	}

	/* A hole in the veil, with a frame around it. */
	function mark(guest, index, width) {
		const pen = guest.marks.getContext("2d");
		const [left, top] = place(index);

		pen.clearRect(left, top, CELL, CELL);
		pen.strokeStyle = colour("--mark");
		pen.lineWidth = width;
		pen.strokeRect(left - width / 2, top - width / 2, CELL + width, CELL + width);
	}

	function marksClear(veil) {
		for (const { marks } of map.guests) {
			const pen = marks.getContext("2d");

			pen.clearRect(0, 0, marks.width, marks.height);
			pen.fillStyle = colour("--veil");
			if (veil)
				pen.fillRect(0, 0, marks.width, marks.height);
		}
	}

	function cellShow(guest, index) {
		const partners = partnersOf(guest.first + index);

		marksClear(true);
		for (const cell of partners.keys()) {
			const other = guestOf(cell);

			mark(other, cell - other.first, 2);
		}
		mark(guest, index, 3);
		guest.at = index;
		cellSay(guest, index, partners);
	}

	function cellMove(guest, event) {
		const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };
		const to = guest.at + (steps[event.key] || 0);

		if (!(event.key in steps))
			return;
		event.preventDefault();
		if (to >= 0 && to < guest.cells.length)
			cellShow(guest, to);
	}

	function guestAdd(guest) {
		const list = byId("map-list");
		const title = element(list, "h3", {}, guest.name);

		element(title, "small", {}, ` ${guest.domain}, ${bytes(guest.pages * map.page_bytes)}`);
		const box = element(list, "div", { class: "map" });

		guest.cells = cellsOf(guest);
		guest.at = 0;
		const size = {
			width: Math.min(guest.cells.length, COLUMNS) * CELL,
			height: Math.ceil(guest.cells.length / COLUMNS) * CELL,
		};

		guest.canvas = element(box, "canvas", { class: "cells", tabindex: 0, role: "img",
			"aria-label": `Memory of guest ${guest.name}`, "data-cells": guest.cells.length, ...size });
		guest.marks = element(box, "canvas", { class: "marks", "aria-hidden": "true", ...size });
		guest.canvas.addEventListener("pointermove", (event) => {
			const area = guest.canvas.getBoundingClientRect();
			const column = Math.floor((event.clientX - area.left - 1) / (area.width - 2) * (size.width / CELL));
			const row = Math.floor((event.clientY - area.top - 1) / (area.height - 2) * (size.height / CELL));
			const index = row * COLUMNS + column;

			if (column >= 0 && column < COLUMNS && index >= 0 && index < guest.cells.length)
				cellShow(guest, index);
		});
		guest.canvas.addEventListener("pointerleave", () => marksClear(false));
		guest.canvas.addEventListener("blur", () => marksClear(false));
		guest.canvas.addEventListener("focus", () => cellShow(guest, guest.at));
		guest.canvas.addEventListener("keydown", (event) => cellMove(guest, event));
	}

	function mapsDraw() {
		const tiles = map.kinds.map((kind) => tileOf(kind.key));

		byId("map-legend").replaceChildren();
		map.kinds.forEach((kind, index) => {
			const item = element(byId("map-legend"), "span", { title: kind.meaning });
			const sample = element(item, "canvas", { width: 3 * CELL, height: 2 * CELL });
			const pen = sample.getContext("2d");

			pen.fillStyle = pen.createPattern(tiles[index], "repeat");
			pen.fillRect(0, 0, sample.width, sample.height);
			item.append(kind.title);
		});
		for (const guest of map.guests)
			guestDraw(guest, tiles);
	}

	function mapsStart() {
		if (map.guests.length === 0)
			return;
		byId("maps").hidden = false;
		byId("map-cell").textContent = `${bytes(map.cell_pages * map.page_bytes)} (${pagesText(map.cell_pages)})`;
		byId("map-says").textContent = map.is_cut
			? "Point at a cell. Memory is mixed up so much that some frames are missing in what is the same."
			: "Point at a cell.";
		map.guests.forEach(guestAdd);
		mapsDraw();
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", mapsDraw);
	}

	curveStart();
	mapsStart();
	document.documentElement.dataset.ready = "yes";
})();
