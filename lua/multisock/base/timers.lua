-- Deadlines in a binary heap; those of the same moment come out as they came in. Cancelling
-- is O(1): the entry is marked, and dropped when it comes to the top or when half of the heap
-- is marked.
local timers = {}

-- Entries, [1..size], of which `dead` are cancelled. An entry knows its heap, for there may
-- be another meanwhile: see `exchange`.
local function new_heap()
  return { size = 0, dead = 0 }
end

local current = new_heap()
local number = 0                      -- of the entry that came last

local function is_before(a, b)
  return a.deadline < b.deadline or a.deadline == b.deadline and a.number < b.number
end

local function sift_up(heap, at)
  local entry = heap[at]
  while at > 1 do
    local parent = (at - at % 2) / 2
    if not is_before(entry, heap[parent]) then
      break
    end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = entry
end

local function sift_down(heap, at)
  local entry, size = heap[at], heap.size
  while true do
    local child = at * 2
    if child > size then
      break
    end
    if child < size and is_before(heap[child + 1], heap[child]) then
      child = child + 1
    end
    if is_before(entry, heap[child]) then
      break
    end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = entry
end

local function compact(heap)
  local kept, size = 0, heap.size
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
  heap.size, heap.dead = kept, 0
  for i = (kept - kept % 2) / 2, 1, -1 do
    sift_down(heap, i)
  end
end

--- Adds an entry: a table with `deadline` (seconds of the loop's clock).
function timers.add(entry)
  local heap = current
  local size = heap.size + 1
  number = number + 1
  entry.heap, entry.number = heap, number
  heap.size, heap[size] = size, entry
  sift_up(heap, size)
  return entry
end

--- The entry will not come out of `pop_due` any more.
function timers.cancel(entry)
  if entry.cancelled or entry.fired then
    return
  end
  local heap = entry.heap
  entry.cancelled = true
  heap.dead = heap.dead + 1
  if heap.dead > 64 and heap.dead * 2 > heap.size then
    compact(heap)
  end
end

local function pop(heap)
  local top, size = heap[1], heap.size
  heap[1] = heap[size]
  heap[size] = nil
  heap.size = size - 1
  if size > 2 then
    sift_down(heap, 1)
  end
  return top
end

--- The earliest deadline, or nil when nothing waits.
function timers.next_deadline()
  local heap = current
  while heap.size > 0 do
    if not heap[1].cancelled then
      return heap[1].deadline
    end
    heap.dead = heap.dead - 1
    pop(heap)
  end
  return nil
end

--- The next entry whose deadline is not after `now`, or nil.
function timers.pop_due(now)
  local deadline = timers.next_deadline()
  if deadline == nil or deadline > now then
    return nil
  end
  local entry = pop(current)
  entry.fired = true
  return entry
end

--- How many entries wait, for leak checks.
function timers.count()
  return current.size - current.dead
end

--- Has the entries of another clock in the place of these, which wait until they are put back.
-- @param heap? what an earlier call has returned; nil: none @return those of before
function timers.exchange(heap)
  local before = current
  current = heap or new_heap()
  return before
end

--- Wakes who waits for a time that has come, or calls the function for it.
-- @param time seconds of the clock @param wake function(task)
function timers.run_due(time, wake)
  local entry = timers.pop_due(time)
  while entry do
    if entry.task then
      wake(entry.task)
    else
      entry.fn()
    end
    entry = timers.pop_due(time)
  end
end

return timers
