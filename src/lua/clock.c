/* The monotonic clock of all loops, as Lua asks for it; a test may say what time it
   is (lua/multisock/base/clock.lua). What libcurl and the loops do goes by the
   system's clock at any time. */
#include "clock.h"

#include <uv.h>

/* Of one state; an upvalue of both functions. */
typedef struct Clock {
  bool told;
  lua_Number seconds;
} Clock;

/*** The monotonic clock of all loops, or what set_now has said.
@return seconds, with fractions
@local */
static int core_now(lua_State *L)
{
  const Clock *clock = lua_touserdata(L, lua_upvalueindex(1));
  lua_pushnumber(L,
                 clock->told ? clock->seconds : (lua_Number)uv_hrtime() / 1e9);
  return 1;
}

/*** Says what time it is until it is said again.
@param seconds? number; nil: what the system says
@local */
static int core_set_now(lua_State *L)
{
  Clock *clock = lua_touserdata(L, lua_upvalueindex(1));
  clock->seconds = luaL_optnumber(L, 1, 0);
  clock->told = !lua_isnoneornil(L, 1);
  return 0;
}

static const luaL_Reg functions[] = {
  { "now", core_now },
  { "set_now", core_set_now },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
void clock_open(lua_State *L)
{
  Clock *clock = compat_newbytes(L, sizeof *clock);
  clock->told = false;
  luaL_setfuncs(L, functions, 1);
}
