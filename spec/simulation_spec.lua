-- Random programs on a mock's clock: support/simulation.lua. More of them:
-- script/simulate.
local helper = require("spec.helper")
local simulation = require("spec.support.simulation")

describe("random programs", function()
  after_each(helper.check_leaks)

  -- With a collector that never rests, and under valgrind, a few.
  local scale = helper.timing_is_real and os.getenv("MULTISOCK_STRESS_GC") ~= "1" and 1 or 0.05

  it("keep their limits, end what they begin, and leave nothing", helper.of_loop(function()
    for seed = 1, 200 * scale do
      simulation.run(seed)
    end
  end))

  it("are the same each time", helper.of_loop(function()
    for seed = 1001, 1000 + 20 * scale do
      assert.same(simulation.run(seed), simulation.run(seed))
    end
    assert.is_false(pcall(assert.same, simulation.run(1), simulation.run(2)))
  end))
end)
