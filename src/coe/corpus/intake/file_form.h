// What a file is, decided once, by its name and what is in it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/file_kind.h"
#include "coe/base/result.h"
#include "coe/corpus/text_spec.h"

#include <string>
#include <string_view>

namespace coe {

// "web.tar" of "web.tar.gz": a name without the ending of what it is packed by.
std::string unpacked_name(const Path& name);
// ".md", lower case, of a name that is not packed; a name without ending as a whole ("Makefile").
std::string ending_of(std::string_view name);

bool is_prose(std::string_view ending);    // .md, .txt: long lines are paragraphs there
bool is_data(std::string_view ending);     // .csv, .svg: text for programs, left out of folders
bool is_lock_file(std::string_view name);  // package-lock.json: what tools write for themselves

// Says whether a file is JSON, of records or of chats: it has such a name (.jsonl, .ndjson, .json),
// or it begins with a whole object or an array of objects. A file whose name has no ending (and the
// standard input, which has no name) is JSON where it begins like such an object or array.
bool is_json(std::string_view bytes, std::string_view name);

// The field in which the records of a JSON file have their chat ("messages", "conversations",
// "mapping", "chat_messages"), judged by its first record; empty where they have the fields of
// `spec`, or nothing known.
std::string chat_field(std::string_view first_record, const TextSpec& spec);
// Says whether the record has all fields of `spec`.
bool has_text(std::string_view record, const TextSpec& spec);

// Why the bytes of a file are no text; an empty kind where they are. Knows archives, tables and
// models, other encodings, and binary files.
FileKind no_text(std::string_view bytes, std::string_view name);

}  // namespace coe
