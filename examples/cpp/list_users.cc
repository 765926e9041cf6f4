// A query in C++: the same as the README's first one, on a database of its own in memory.
#include <iostream>

#include "molt/db/sqlite/sqlite_pool.h"
#include "molt/engine/database.h"

using molt::query::Expr, molt::query::From, molt::query::Query, molt::query::Table;

int main() {
  const auto pool = molt::db::sqlite::OpenSqlite({.path = {}, .memory = true});
  molt::engine::Database db(pool.value(), {});
  for (const char* sql : {"CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)",
                          "INSERT INTO users (email) VALUES ('ada@austin.edu'), ('b@c.d')"}) {
    db.RunBlocking(db.Execute(Query::FromRaw(Expr::Raw(sql, {})), {})).value();
  }

  const Table users("users");
  const Query query = From(users)
                          .Where(users["email"].EndsWith("@austin.edu"))
                          .Select({users["id"], users["email"]})
                          .Limit(100);
  const auto batches = db.RunBlocking(db.Fetch(query, false, {}));
  for (const auto& batch : batches.value()) {
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      std::cout << std::get<std::int64_t>(batch->columns[0].ValueAt(row)) << " "
                << batch->columns[1].BytesAt(row) << "\n";
    }
  }
}
