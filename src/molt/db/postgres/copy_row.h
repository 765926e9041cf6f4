// Cells of a batch -> the fields of a binary COPY.
// Source: PostgreSQL documentation, COPY, "Binary Format".
#pragma once

#include <string>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/types/codec.h"
#include "molt/types/record_batch.h"

namespace molt::db::postgres {

struct TableColumn {
  std::string name;
  Oid type = 0;
  std::int32_t typmod = -1;
  bool nullable = true;
  bool takes_text = false;  // its binary format is text: enums, citext
  std::string type_name;    // the server's
};

// Appends one field, its length first; false if the cell is no value of the column's type.
using PutCell = bool (*)(const types::Column& cells, std::int64_t row, const TableColumn& target,
                         std::string& out);

// How cells of this kind are written as that type.
[[nodiscard]] PutCell PutCellFor(const types::Column& cells, const TableColumn& target);

// What begins and what ends the stream.
void PutCopyHeader(std::string& out);
void PutCopyTrailer(std::string& out);

}  // namespace molt::db::postgres
