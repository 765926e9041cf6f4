// What ErrorResponse and NoticeResponse consist of.
// Source: PostgreSQL documentation, "Error and Notice Message Fields".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"

namespace molt::db::postgres::protocol {

struct ReportFields {
  struct Field {
    char code = 0;
    std::string value;

    bool operator==(const Field&) const = default;
  };
  // As sent, with codes that are not known here, which a newer server may add.
  std::vector<Field> fields;

  // The first field of this code, empty when there is none. All texts live as long as this object
  // and may be in the server's language, except severity() and sqlstate().
  [[nodiscard]] std::string_view Get(char code) const;

  // ERROR, FATAL, PANIC; WARNING, NOTICE, DEBUG, INFO, LOG. Servers before 9.6 translate it.
  [[nodiscard]] std::string_view severity() const;
  [[nodiscard]] std::string_view sqlstate() const { return Get('C'); }
  [[nodiscard]] std::string_view message() const { return Get('M'); }
  [[nodiscard]] std::string_view detail() const { return Get('D'); }
  [[nodiscard]] std::string_view hint() const { return Get('H'); }
  // In characters from 1, in the text of Parse or Query; 0 when not known.
  [[nodiscard]] std::int32_t position() const;
  // As above, in internal_query().
  [[nodiscard]] std::int32_t internal_position() const;
  [[nodiscard]] std::string_view internal_query() const { return Get('q'); }
  [[nodiscard]] std::string_view where() const { return Get('W'); }  // the calls it happened in
  [[nodiscard]] std::string_view schema() const { return Get('s'); }
  [[nodiscard]] std::string_view table() const { return Get('t'); }
  [[nodiscard]] std::string_view column() const { return Get('c'); }
  [[nodiscard]] std::string_view data_type() const { return Get('d'); }
  [[nodiscard]] std::string_view constraint() const { return Get('n'); }
  // Of the server's source code.
  [[nodiscard]] std::string_view file() const { return Get('F'); }
  [[nodiscard]] std::string_view line() const { return Get('L'); }
  [[nodiscard]] std::string_view routine() const { return Get('R'); }

 protected:
  [[nodiscard]] Status EncodeFields(std::string& out, char type) const;
  [[nodiscard]] bool DecodeFields(std::string_view body);
};

}  // namespace molt::db::postgres::protocol
