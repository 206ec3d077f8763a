-- In a checkout lua-cjson is the system's (script/setup installs it); a rock
-- that is installed from a server still brings its own.
rocks_provided = { ["lua-cjson"] = "2.1.0-1" }
