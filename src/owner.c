/* The parts of owner.h that are not run for every request. */
#include "owner.h"

const char *owner_problem(const Owner *owner)
{
  return owner->self != owner
           ? "of another Lua state: handles cannot be copied"
           : "made before fork(): it belongs to the parent process";
}

void owner_raise(lua_State *L, int idx, const Owner *owner)
{
  const char *text = lua_pushfstring(L, "the handle is %s",
                                     owner_problem(owner));
  luaL_argerror(L, idx, text);
}

void *box_new(lua_State *L)
{
  Box *box = compat_newuserdata(L, sizeof *box);
  box->object = NULL;
  owner_init(&box->owner);
  return box;
}

void *box_describe(lua_State *L, const char *type)
{
  Box *box = compat_checkudata(L, 1, type);
  if (!box_is_here(box))
    lua_pushfstring(L, "%s (%s)", type, owner_problem(&box->owner));
  else if (box->object == NULL)
    lua_pushfstring(L, "%s (closed)", type);
  else
    return box;
  return NULL;
}
