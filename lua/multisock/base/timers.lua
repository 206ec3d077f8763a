-- Deadlines in a binary heap. Cancelling is O(1): the entry is marked, and
-- dropped when it comes to the top or when half of the heap is marked.
local timers = {}

local heap, size, dead = {}, 0, 0

local function sift_up(at)
  local entry = heap[at]
  while at > 1 do
    local parent = (at - at % 2) / 2
    if heap[parent].deadline <= entry.deadline then
      break
    end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = entry
end

local function sift_down(at)
  local entry = heap[at]
  while true do
    local child = at * 2
    if child > size then
      break
    end
    if child < size and heap[child + 1].deadline < heap[child].deadline then
      child = child + 1
    end
    if entry.deadline <= heap[child].deadline then
      break
    end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = entry
end

local function compact()
  local kept = 0
  for i = 1, size do
    local entry = heap[i]
    if not entry.cancelled then
      kept = kept + 1
      heap[kept] = entry
    end
  end
  for i = kept + 1, size do
    heap[i] = nil
  end
  size, dead = kept, 0
  for i = (size - size % 2) / 2, 1, -1 do
    sift_down(i)
  end
end

--- Adds an entry: a table with `deadline` (seconds of the loop's clock).
function timers.add(entry)
  size = size + 1
  heap[size] = entry
  sift_up(size)
  return entry
end

--- The entry will not come out of `pop_due` any more.
function timers.cancel(entry)
  if entry.cancelled or entry.fired then
    return
  end
  entry.cancelled = true
  dead = dead + 1
  if dead > 64 and dead * 2 > size then
    compact()
  end
end

local function pop()
  local top = heap[1]
  heap[1] = heap[size]
  heap[size] = nil
  size = size - 1
  if size > 1 then
    sift_down(1)
  end
  return top
end

--- The earliest deadline, or nil when nothing waits.
function timers.next_deadline()
  while size > 0 do
    if not heap[1].cancelled then
      return heap[1].deadline
    end
    dead = dead - 1
    pop()
  end
  return nil
end

--- The next entry whose deadline is not after `now`, or nil.
function timers.pop_due(now)
  local deadline = timers.next_deadline()
  if deadline == nil or deadline > now then
    return nil
  end
  local entry = pop()
  entry.fired = true
  return entry
end

--- How many entries wait, for leak checks.
function timers.count()
  return size - dead
end

return timers
