#pragma once
#include <sys/types.h>
#include <sys/select.h>
#include <sqlite3.h>
