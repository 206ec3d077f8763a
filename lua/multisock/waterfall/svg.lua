-- Attempts as a picture: a row for each, and in it when its phases were. Names come from
-- strangers: nothing of them is markup.
local attempts = require("multisock.trace.attempts")
local labels = require("multisock.waterfall.labels")
local text = require("multisock.base.text")

local svg = {}

-- More make no picture.
local MOST_ROWS = 2000

-- In user units of the picture, which are pixels unless it is scaled.
local WIDTH, MARGIN, LABEL, TAIL = 1200, 16, 430, 74
-- Rows and letters of few, and of many.
local SIZES = { few = { row = 22, bar = 12, font = 12 }, many = { row = 15, bar = 9, font = 10 } }
local FEW, SECTION = 60, 40
local AXIS, LETTER = 22, 0.602      -- a letter is so wide for its height

-- Light, dark.
local COLOURS = {
  queue = { "#c3c9d1", "#59616d" }, dns = { "#11948b", "#2cb5aa" },
  connect = { "#e08a1e", "#e69b3e" }, tls = { "#9159c4", "#a97bd6" },
  send = { "#cf3d78", "#e0609a" }, wait = { "#4fa83d", "#63b852" },
  receive = { "#2a78d0", "#4f97e6" },
}

local STYLE = [[
text{font:%dpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1d2430}
.paper{fill:#fff}.band{fill:#f4f6f8}.grid{stroke:#d9dee5;stroke-width:1}
.quiet{fill:#687180}.bad{fill:#c22525}.title{font-size:15px;font-weight:600}.mark{fill:#c22525}
]]
local DARK = [[
text{fill:#e6e9ee}.paper{fill:#15181d}.band{fill:#1c2027}.grid{stroke:#343b46}
.quiet{fill:#98a2b1}.bad{fill:#ff7b72}.mark{fill:#ff7b72}
]]

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

local function escape(value)
  return (text.clean(value, "?"):gsub("[&<>\"']", ESCAPES))
end

-- "12.3", not in the language of the locale.
local function number(value)
  return (("%.1f"):format(value):gsub(",", "."):gsub("%.0$", ""))
end

---- Time ----------------------------------------------------------------------

-- A round step, so that there are some six of them.
local function step_of(span)
  local step = 10 ^ math.floor(math.log(span / 6) / math.log(10))
  for _, times in ipairs({ 1, 2, 5, 10 }) do
    if step * times >= span / 6 then
      return step * times
    end
  end
end

local function tick_label(value, step)
  if step < 0.5 and value < 0.9995 then
    return ("%g ms"):format(math.floor(value * 1e6 + 0.5) / 1000)
  end
  return ("%g s"):format(math.floor(value * 1000 + 0.5) / 1000)
end

---- Pieces --------------------------------------------------------------------

local Picture = {}
Picture.__index = Picture

function Picture:put(format, ...)
  self[#self + 1] = format:format(...)
end

function Picture:text(x, y, class, value)
  self:put('<text x="%s" y="%s" class="%s">%s</text>', number(x), number(y), class, escape(value))
end

function Picture:x(time)
  return MARGIN + LABEL + (time - self.first) / self.span * (WIDTH - 2 * MARGIN - LABEL - TAIL)
end

-- Labels count from the first request of all.
function Picture:axis(y)
  local step, before = step_of(self.span), self.first - self.zero
  for i = math.ceil(before / step - 1e-6), math.floor((before + self.span) / step + 1e-6) do
    local x = self:x(self.zero + i * step)
    self:put('<text x="%s" y="%s" class="quiet" text-anchor="middle">%s</text>', number(x),
      number(y + 14), tick_label(i * step, step))
    self.ticks[#self.ticks + 1] = x
  end
end

-- The lines of the axis, over the bands of the rows.
function Picture:grid(from, to)
  for _, x in ipairs(self.ticks) do
    self:put('<line x1="%s" y1="%s" x2="%s" y2="%s" class="grid"/>', number(x), number(from),
      number(x), number(to))
  end
end

function Picture:bar(y, attempt, spent)
  local at, height = attempt.queue, self.size.bar
  local top = y + (self.size.row - height) / 2
  self[#self + 1] = '<g pointer-events="none">'        -- the pointer meets the row
  for _, name in ipairs(attempts.PHASES) do
    local from, to = self:x(at), self:x(at + spent[name])
    if to - from >= 0.05 then
      self:put('<rect x="%.2f" y="%s" width="%.2f" height="%s" class="p-%s"/>', from, number(top),
        math.max(to - from, 0.5), number(height), name)
    end
    at = at + spent[name]
  end
  local last = self:x(at)
  if attempt.err and labels.is_bad(attempt) then
    self:put('<rect x="%.2f" y="%s" width="2" height="%s" class="mark"/>', last,
      number(top - 2), number(height + 4))
  end
  self:text(last + 6, y + self.baseline, "quiet", labels.seconds(at - attempt.queue))
  self[#self + 1] = "</g>"
end

function Picture:row(i, y, attempt, spent, label)
  self:put("<g><title>%s</title>", (labels.details(attempt, spent):gsub("[^\n]+", escape)))
  self:put('<rect x="0" y="%s" width="%d" height="%d" class="%s"/>', number(y), WIDTH,
    self.size.row, i % 2 == 0 and "band" or "paper")
  self:put('<text x="%d" y="%s" xml:space="preserve" class="%s">%s</text>', MARGIN,
    number(y + self.baseline), labels.is_bad(attempt) and "bad" or "plain",
    escape(label))
  self[#self + 1] = "</g>"
end

---- All of it -------------------------------------------------------------------

local function style(font)
  local light, dark = { STYLE:format(font) }, { DARK }
  for _, name in ipairs(attempts.PHASES) do
    light[#light + 1] = (".p-%s{fill:%s}"):format(name, COLOURS[name][1])
    dark[#dark + 1] = (".p-%s{fill:%s}"):format(name, COLOURS[name][2])
  end
  return ("<style>%s\n@media(prefers-color-scheme:dark){%s}</style>"):format(
    table.concat(light), table.concat(dark))
end

function Picture:legend(y, list, now)
  local sums, all, x = {}, 0, MARGIN
  for _, attempt in ipairs(list) do
    local spent = attempts.phases(attempt, now)
    for _, name in ipairs(attempts.PHASES) do
      sums[name], all = (sums[name] or 0) + spent[name], all + spent[name]
    end
  end
  for _, name in ipairs(attempts.PHASES) do
    local label = ("%s %.0f %%"):format(name, all > 0 and sums[name] / all * 100 or 0)
    self:put('<rect x="%d" y="%s" width="12" height="12" rx="2" class="p-%s"/>', x, number(y), name)
    self:text(x + 18, y + 10, "plain", label)
    x = x + 18 + math.ceil(#label * self.size.font * LETTER) + 24
  end
end

-- Rows from..last of the list, with an axis of their own: time goes on from section to
-- section, and what is short stays to be seen.
function Picture:section(y, list, from, last, names, now)
  local first, stop, spent = math.huge, -math.huge, {}
  for i = from, last do
    first = math.min(first, list[i].queue)
    stop = math.max(stop, list[i].done or now)
    spent[i] = attempts.phases(list[i], now)
  end
  self.first, self.span, self.ticks = first, math.max(stop - first, 1e-6), {}
  self:axis(y)
  local top = y + AXIS
  y = top
  for i = from, last do
    self:row(i, y, list[i], spent[i], names[i])
    y = y + self.size.row
  end
  self:grid(top, y)
  for i = from, last do
    self:bar(top + (i - from) * self.size.row, list[i], spent[i])
  end
  return y
end

--- @param list of attempts, in the order of their start @param now seconds of the clock
-- @return string
function svg.render(list, now)
  local shown, first, last = {}, math.huge, -math.huge
  for i = 1, math.min(#list, MOST_ROWS) do
    shown[i] = list[i]
  end
  for _, attempt in ipairs(list) do
    first, last = math.min(first, attempt.queue), math.max(last, attempt.done or now)
  end
  local size = #shown <= FEW and SIZES.few or SIZES.many
  local self = setmetatable({ size = size, zero = first,
    baseline = size.row / 2 + size.font * 0.36 }, Picture)
  local origin = labels.origin_of(shown)
  local names = labels.of(shown, origin, math.floor((LABEL - 12) / (size.font * LETTER)))
  local y = MARGIN + 14
  self:text(MARGIN, y, "title", labels.title(list, math.max(0, last - first), origin))
  y = y + 14
  self:legend(y, list, now)
  y = y + 22
  local rows = #shown <= FEW and FEW or SECTION
  for from = 1, #shown, rows do
    y = self:section(y, shown, from, math.min(from + rows - 1, #shown), names, now) + 4
  end
  if #list > #shown then
    y = y + 16
    self:text(MARGIN, y, "quiet", ("... and %d more"):format(#list - #shown))
  end
  local height = math.ceil(y + MARGIN)
  return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">\n'
    .. '%s\n<rect width="%d" height="%d" class="paper"/>\n%s\n</svg>\n'):format(WIDTH, height,
    WIDTH, height, style(size.font), WIDTH, height, table.concat(self, "\n"))
end

return svg
