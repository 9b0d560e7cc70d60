# SPDX-License-Identifier: Apache-2.0
# burndown.awk - draws burndown's curves as SVG: percent of the final saving, over the
# logarithm of the time
#
# Input: `SERIES SECONDS PERCENT`, each series in order of time. A series' name may have
# underscores for blanks.

function x_of(seconds) {
	if (seconds < first)
		seconds = first
	return left + (log(seconds) - log(first)) / (log(last) - log(first)) * width
}

function y_of(percent) {
	return top + (100 - percent) / 100 * height
}

function label(x, y, anchor, color, text) {
	printf "<text x='%.1f' y='%.1f' text-anchor='%s' fill='%s'>%s</text>\n", x, y, anchor, color, text
}

function line(x1, y1, x2, y2) {
	printf "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#ddd'/>\n", x1, y1, x2, y2
}

BEGIN {
	left = 60; top = 40; width = 640; height = 300; first = 0.01; last = 0.1
	split("#0b62a4 #c8500a #777777", colors, " ")
}

{
	if (!($1 in number)) {
		number[$1] = ++series
		name[series] = $1
		gsub("_", " ", name[series])
	}
	# as steps, since nothing is known between two looks
	n = number[$1]
	points[n] = points[n] (points[n] == "" ? "" : ";" $2 "," before[n] ";") $2 "," $3
	before[n] = $3
	if ($2 > last)
		last = $2
}

END {
	decade = 0.1
	while (decade < last)
		decade *= 10
	last = decade
	printf "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='13'>\n", \
		left + width + 40, top + height + 60
	printf "<rect width='100%%' height='100%%' fill='white'/>\n"
	for (percent = 0; percent <= 100; percent += 25) {
		line(left, y_of(percent), left + width, y_of(percent))
		label(left - 8, y_of(percent) + 4, "end", "#333", percent " %")
	}
	for (decade = first; decade <= last * 1.01; decade *= 10) {
		line(x_of(decade), top, x_of(decade), top + height)
		label(x_of(decade), top + height + 20, "middle", "#333", sprintf("%g s", decade))
	}
	label(left + width / 2, top + height + 44, "middle", "#333", "time since the start (logarithmic)")
	label(left, top - 30 + 8, "start", "#333", "part of the final saving")
	for (n = 1; n <= series; n++) {
		count = split(points[n], steps, ";")
		printf "<polyline fill='none' stroke='%s' stroke-width='2' points='", colors[n]
		for (i = 1; i <= count; i++) {
			split(steps[i], step, ",")
			point = sprintf("%.0f,%.0f ", x_of(step[1]), y_of(step[2]))
			if (point != drawn)
				printf "%s", point
			drawn = point
		}
		printf "'/>\n"
		label(left + 12, top + 6 + 18 * n, "start", colors[n], name[n])
	}
	print "</svg>"
}
