/* The file that a download writes, for Lua. */
#pragma once

#include "compat.h"

/* core.part_file, core.check_place, core.sync_folder */
int part_file_new(lua_State *L);
int part_file_check_place(lua_State *L);
int part_file_sync_folder(lua_State *L);

void part_file_open(lua_State *L);
