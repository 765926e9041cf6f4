#include "molt/db/sqlite/sqlite_functions.h"

#include <cmath>
#include <cstdint>
#include <string>

namespace molt::db::sqlite {

namespace {

// Welford's running mean and sum of squared distances from it: exact where the sum of squares
// would cancel. Lives in memory that SQLite hands out zeroed.
struct Moments {
  std::int64_t count;
  double mean;
  double squares;
};

void Step(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  auto* moments = static_cast<Moments*>(sqlite3_aggregate_context(context, sizeof(Moments)));
  if (moments == nullptr) return sqlite3_result_error_nomem(context);
  const double value = sqlite3_value_double(arguments[0]);
  const double distance = value - moments->mean;
  moments->mean += distance / static_cast<double>(++moments->count);
  moments->squares += distance * (value - moments->mean);
}

// `lost`: the degrees of freedom that a sample loses.
template <int lost, bool square_root>
void Final(sqlite3_context* context) noexcept {
  const auto* moments = static_cast<const Moments*>(sqlite3_aggregate_context(context, 0));
  if (moments == nullptr || moments->count <= lost) return sqlite3_result_null(context);
  const double variance = moments->squares / static_cast<double>(moments->count - lost);
  sqlite3_result_double(context, square_root ? std::sqrt(variance) : variance);
}

struct Aggregate {
  const char* name;
  void (*final)(sqlite3_context*);
};

constexpr Aggregate kAggregates[] = {
    {"stddev_samp", &Final<1, true>},
    {"stddev_pop", &Final<0, true>},
    {"var_samp", &Final<1, false>},
    {"var_pop", &Final<0, false>},
};

}  // namespace

Status RegisterFunctions(sqlite3* db) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const Aggregate& aggregate : kAggregates) {
    const int code = sqlite3_create_function_v2(db, aggregate.name, 1, kFlags, nullptr, nullptr,
                                                &Step, aggregate.final, nullptr);
    if (code != SQLITE_OK) return Internal(std::string("cannot register ") + aggregate.name);
  }
  return {};
}

}  // namespace molt::db::sqlite
