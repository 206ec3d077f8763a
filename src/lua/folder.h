/* Folders of the user's own, for Lua. */
#pragma once

#include "compat.h"

/* core.make_folder, core.list_folder, core.touch, core.file_size */
int folder_make(lua_State *L);
int folder_list(lua_State *L);
int folder_touch(lua_State *L);
int folder_file_size(lua_State *L);
