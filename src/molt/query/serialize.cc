#include "molt/query/serialize.h"

#include <utility>

#include "molt/query/literal_document.h"
#include "molt/types/utf8.h"

namespace molt::query {

namespace {

using types::Document;

std::string_view JoinName(JoinKind kind) {
  switch (kind) {
    case JoinKind::kInner:
      return "inner";
    case JoinKind::kLeft:
      return "left";
    case JoinKind::kRight:
      return "right";
    case JoinKind::kFull:
      return "full";
    case JoinKind::kCross:
      return "cross";
  }
  return "";
}

// Writes keys in the order of the specification and leaves out those that have their default.
class Writer {
 public:
  Result<Document> Run(const QueryNode& q) {
    Document::Map query;
    if (q.raw) {
      MOLT_RETURN_IF_ERROR(AddExpr("raw", q.raw, query));
    } else {
      MOLT_RETURN_IF_ERROR(AddClauses(q, query));
    }
    Document::Map root;
    root.emplace_back("molt_ir", kIrVersion);
    root.emplace_back("query", std::move(query));
    return Document(std::move(root));
  }

 private:
  Status AddClauses(const QueryNode& q, Document::Map& out) {
    if (!q.from) return InvalidQuery("the query names no table");
    MOLT_ASSIGN(Document from, Table(**q.from));
    out.emplace_back("from", std::move(from));
    MOLT_RETURN_IF_ERROR(AddJoins(q.joins, out));
    MOLT_RETURN_IF_ERROR(AddList("select", q.select, out));
    MOLT_RETURN_IF_ERROR(AddList("where", q.where, out));
    MOLT_RETURN_IF_ERROR(AddList("group_by", q.group_by, out));
    MOLT_RETURN_IF_ERROR(AddList("having", q.having, out));
    MOLT_RETURN_IF_ERROR(AddOrderBy(q.order_by, out));
    if (q.limit) MOLT_RETURN_IF_ERROR(AddExpr("limit", q.limit, out));
    if (q.offset) MOLT_RETURN_IF_ERROR(AddExpr("offset", q.offset, out));
    if (q.distinct) out.emplace_back("distinct", true);
    return {};
  }

  static Status CheckLength(std::string_view what, std::size_t length) {
    if (length <= kIrListMax) return {};
    return InvalidQuery("the query has more than " + std::to_string(kIrListMax) + " elements in " +
                        std::string(what) + ", too many to be serialized");
  }

  static Status AddText(std::string_view key, std::string_view text, Document::Map& out) {
    if (!types::IsValidUtf8(text)) {
      return InvalidQuery("a " + std::string(key) + " in the query is not UTF-8");
    }
    out.emplace_back(key, text);
    return {};
  }

  Result<Document> Table(const TableDef& table) {
    Document::Map out;
    MOLT_RETURN_IF_ERROR(AddText("name", table.name, out));
    if (!table.schema.empty()) MOLT_RETURN_IF_ERROR(AddText("schema", table.schema, out));
    if (!table.alias.empty()) MOLT_RETURN_IF_ERROR(AddText("as", table.alias, out));
    if (table.columns) {
      MOLT_RETURN_IF_ERROR(CheckLength("columns", table.columns->size()));
      Document::Array columns;
      for (const types::Field& field : *table.columns) {
        Document::Map column;
        MOLT_RETURN_IF_ERROR(AddText("name", field.name, column));
        column.emplace_back("type", types::TypeName(field.type));
        if (!field.nullable) column.emplace_back("nullable", false);
        columns.emplace_back(std::move(column));
      }
      out.emplace_back("columns", std::move(columns));
    }
    return Document(std::move(out));
  }

  Status AddJoins(const std::vector<Join>& joins, Document::Map& out) {
    if (joins.empty()) return {};
    MOLT_RETURN_IF_ERROR(CheckLength("joins", joins.size()));
    Document::Array list;
    for (const Join& join : joins) {
      Document::Map item;
      item.emplace_back("kind", JoinName(join.kind));
      MOLT_ASSIGN(Document table, Table(*join.table));
      item.emplace_back("table", std::move(table));
      if (join.on) MOLT_RETURN_IF_ERROR(AddExpr("on", join.on, item));
      list.emplace_back(std::move(item));
    }
    out.emplace_back("joins", std::move(list));
    return {};
  }

  Status AddList(std::string_view key, const std::vector<Expr>& exprs, Document::Map& out) {
    if (exprs.empty()) return {};
    MOLT_RETURN_IF_ERROR(CheckLength(key, exprs.size()));
    Document::Array list;
    for (const Expr& e : exprs) {
      MOLT_ASSIGN(Document item, Counted(e));
      list.push_back(std::move(item));
    }
    out.emplace_back(key, std::move(list));
    return {};
  }

  Status AddOrderBy(const std::vector<Ordering>& keys, Document::Map& out) {
    if (keys.empty()) return {};
    MOLT_RETURN_IF_ERROR(CheckLength("order_by", keys.size()));
    Document::Array list;
    for (const Ordering& key : keys) {
      Document::Map item;
      MOLT_RETURN_IF_ERROR(AddExpr("expr", key.expr, item));
      if (key.descending) item.emplace_back("desc", true);
      item.emplace_back("nulls", key.nulls == NullOrder::kFirst ? "first" : "last");
      list.emplace_back(std::move(item));
    }
    out.emplace_back("order_by", std::move(list));
    return {};
  }

  Status AddExpr(std::string_view key, const Expr& e, Document::Map& out) {
    MOLT_ASSIGN(Document document, Counted(e));
    out.emplace_back(key, std::move(document));
    return {};
  }

  // A whole expression. Its size is known before it is written, shared parts counted each time.
  Result<Document> Counted(const Expr& e) {
    MOLT_RETURN_IF_ERROR(Count(e->nodes));
    return Node(*e);
  }

  Status Count(std::uint64_t nodes) {
    nodes_ += nodes;
    if (nodes_ <= kExprNodesMax) return {};
    return InvalidQuery(
        "the query has more than " + std::to_string(kExprNodesMax) +
        " parts, too many to be serialized; send the values as a table and join it");
  }

  // Recursion is bounded by kExprDepthMax.
  Result<Document> Node(const ExprNode& node) {
    if (node.op == Op::kError) return InvalidQuery(node.name);
    Document::Map out;
    out.reserve(4);
    out.emplace_back("op", InfoOf(node.op).name);
    MOLT_RETURN_IF_ERROR(AddOwnFields(node, out));
    if (!node.args.empty()) {
      Document::Array args;
      args.reserve(node.args.size());
      for (const Expr& arg : node.args) {
        MOLT_ASSIGN(Document item, Node(*arg));
        args.push_back(std::move(item));
      }
      out.emplace_back("args", std::move(args));
    }
    if (node.distinct) out.emplace_back("distinct", true);
    return Document(std::move(out));
  }

  Status AddOwnFields(const ExprNode& node, Document::Map& out) {
    switch (node.op) {
      case Op::kColumn:
        MOLT_RETURN_IF_ERROR(AddText("table", node.qualifier, out));
        return AddText("name", node.name, out);
      case Op::kAlias:
        return AddText("name", node.name, out);
      case Op::kLiteral: {
        MOLT_RETURN_IF_ERROR(Count(CountItems(node.value)));
        out.emplace_back("type", types::TypeName(types::TypeOf(node.value)));
        MOLT_ASSIGN(Document value, LiteralToDocument(node.value));
        out.emplace_back("value", std::move(value));
        return {};
      }
      case Op::kConstant:
        out.emplace_back("value", std::get<bool>(node.value));
        return {};
      case Op::kRaw: {
        Document::Array parts;
        for (const std::string& part : node.parts) {
          if (!types::IsValidUtf8(part)) return InvalidQuery("raw: the SQL is not UTF-8");
          parts.emplace_back(part);
        }
        out.emplace_back("parts", std::move(parts));
        return {};
      }
      default:
        return {};
    }
  }

  std::uint64_t nodes_ = 0;
};

Result<std::string> WithinSize(std::string bytes) {
  if (bytes.size() <= kIrBytesMax) return bytes;
  return InvalidQuery("the serialized query has " + std::to_string(bytes.size()) +
                      " bytes, more than " + std::to_string(kIrBytesMax));
}

}  // namespace

Result<Document> ToDocument(const Query& query) { return Writer().Run(*query); }

Result<std::string> ToJson(const Query& query) {
  MOLT_ASSIGN(const Document document, ToDocument(query));
  return WithinSize(types::ToJson(document));
}

Result<std::string> ToMsgPack(const Query& query) {
  MOLT_ASSIGN(const Document document, ToDocument(query));
  return WithinSize(types::ToMsgPack(document));
}

}  // namespace molt::query
