// The signals of filters/statistics/measure.py as a plain C++17 pass: the same definitions, with the standard library's containers.
//
//   signals CLASSES LOWER FOLDER OUT
//
// In:  CLASSES, one byte per code point as filters.unicode.classes() gives them; LOWER, one int32 each as filters.unicode.lower() does;
//      FOLDER/texts.bin, UTF-8 one after another; FOLDER/offsets.bin, int64 [n + 1].
// Out: OUT, float32 [columns][n], the columns in the order of COLUMNS, then for each of CUTS int32 ends [n + 1] and as many int32 byte
//      offsets as the last end says; on standard output one line of JSON: columns, cuts, CPU-seconds and wall seconds of the pass.
//
// It is written from the docstrings, one function for each family of rules, and reads a text several times where that is the plain way. It
// is what someone would write who wants these numbers and does not count instructions: no arena, no vector instructions by hand, one thread.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <deque>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

using std::string;
using std::string_view;

namespace {

// filters/unicode.py: the kind of a character in the low three bits, properties above.
enum Kind { SPACE, LETTER, DIGIT, EXTEND, SYMBOL, PAIRED, CLUSTERED, NONE };
constexpr int KIND = 7, TERMINAL = 8, ALPHABETIC = 16, ALPHANUMERIC = 32, LOWER = 128;
constexpr uint32_t CODE_POINTS = 0x110000, REPLACEMENT = 0xFFFD;
constexpr size_t LIMIT = size_t{1} << 22;  // tokens, lines and paragraphs of one text that repetition looks at
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

const std::vector<string> COLUMNS = {
    "characters", "lines", "paragraphs", "tokens", "words", "mean_word_length", "hashes_per_word", "ellipses_per_word",
    "bullet_line_share", "ellipsis_line_share", "alphabetic_word_share", "stop_words", "duplicate_line_share", "duplicate_paragraph_share",
    "duplicate_line_character_share", "duplicate_paragraph_character_share", "top_2_gram_character_share", "top_3_gram_character_share",
    "top_4_gram_character_share", "duplicate_5_gram_character_share", "duplicate_6_gram_character_share",
    "duplicate_7_gram_character_share", "duplicate_8_gram_character_share", "duplicate_9_gram_character_share",
    "duplicate_10_gram_character_share", "line_punctuation_share", "short_line_share", "line_duplicate_character_share",
    "newlines_per_word", "c4_sentences", "c4_lines", "c4_lorem_ipsum", "c4_curly_brackets", "c4_jmlr_sentences", "c4_jmlr_lines",
    "lorem_ipsum_lines", "curly_bracket_lines", "fineweb_sentences", "fineweb_lines", "fineweb_lorem_ipsum", "fineweb_curly_brackets", "fineweb_line_punctuation_share", "fineweb_short_line_share",
    "fineweb_line_duplicate_character_share", "fineweb_newlines_per_word", "alphabetic_blank_word_share", "refinedweb_words_cut_share",
    "javascript_lines", "policy_lines", "mean_line_length",
    "max_line_length", "alphanumeric_share", "alphabetic_share", "xml_header", "generated_marker", "visible_html_share",
    "visible_html_characters", "longest_encoded_run", "encoded_share",
};

const std::vector<string> CUTS = {"c4_cuts", "c4_jmlr_cuts", "fineweb_cuts", "refinedweb_cuts"};

std::vector<uint8_t> classes;
std::vector<int32_t> lowered_points;

double share(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

struct Character {
    uint32_t point;
    int size;
    int properties;
    int kind() const { return properties & KIND; }
};

Character character_at(string_view text, size_t at) {
    const auto lead = static_cast<uint8_t>(text[at]);
    if (lead < 0x80) return {lead, 1, classes[lead]};
    const Character broken{REPLACEMENT, 1, classes[REPLACEMENT]};
    if (lead < 0xC2 || lead > 0xF4) return broken;
    const int size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (at + size > text.size()) return broken;
    uint32_t point = lead & (0x7F >> size);
    for (int k = 1; k < size; ++k) {
        const auto byte = static_cast<uint8_t>(text[at + k]);
        if ((byte & 0xC0) != 0x80) return broken;
        point = point << 6 | (byte & 0x3F);
    }
    if (point >= CODE_POINTS) return broken;
    return {point, size, classes[point]};
}

char ascii_lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 0x20) : letter; }

string ascii_lower(string_view text) {
    string lowered(text);
    for (char& letter : lowered) letter = ascii_lower(letter);
    return lowered;
}

bool contains(string_view text, string_view phrase) { return text.find(phrase) != string_view::npos; }

bool starts_in_any_case(string_view text, size_t at, string_view phrase) {
    if (at + phrase.size() > text.size()) return false;
    for (size_t k = 0; k < phrase.size(); ++k)
        if (ascii_lower(text[at + k]) != phrase[k]) return false;
    return true;
}

bool ends_with(string_view text, string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// ---- filters/words.py ----

struct Token {
    string_view text;
    int characters;
};

struct Words {
    std::vector<Token> stored;  // the first LIMIT
    int64_t tokens = 0, words = 0, spaced_words = 0, spaced_characters = 0, alphabetic = 0, hashes = 0, ellipses = 0;
    std::array<bool, 8> stop_words{};
};

const std::array<string_view, 8> STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"};

bool joins(uint32_t point, int before, string_view line, size_t after) {
    if (after >= line.size()) return false;
    if (point != '\'' && point != 0x2019 && point != '.' && point != ',' && point != ':') return false;
    const Character next = character_at(line, after);
    if (next.kind() != LETTER && next.kind() != DIGIT) return false;
    if (point == ',' || point == ':') return (before & KIND) == DIGIT && next.kind() == DIGIT;
    if (point == '.') return !((before & LOWER) && (next.properties & ALPHABETIC) && !(next.properties & LOWER));
    return true;
}

void tokenize(string_view line, Words& words) {
    int opened = NONE, characters = 0, before = 0, dots = 0;
    uint32_t symbol = 0;
    size_t start = 0;
    bool alphabetic = false;
    const auto close = [&](size_t end) {
        if (opened == NONE) return;
        const string_view text = line.substr(start, end - start);
        ++words.tokens;
        words.words += opened != SYMBOL;
        words.alphabetic += alphabetic;
        if (opened == LETTER) {
            ++words.spaced_words;
            words.spaced_characters += characters;
            if (text.size() >= 2 && text.size() <= 4) {
                const string lowered = ascii_lower(text);
                for (size_t k = 0; k < STOP_WORDS.size(); ++k) words.stop_words[k] = words.stop_words[k] || lowered == STOP_WORDS[k];
            }
        }
        if (words.stored.size() < LIMIT) words.stored.push_back({text, characters});
        opened = NONE;
    };
    for (size_t at = 0; at < line.size();) {
        const Character c = character_at(line, at);
        int kind = c.kind();
        if (kind == SPACE) {
            close(at);
            at += c.size;
            continue;
        }
        if (kind == DIGIT) kind = LETTER;
        bool extends = kind == EXTEND;
        switch (opened) {
            case LETTER: extends |= kind == LETTER || (kind == SYMBOL && joins(c.point, before, line, at + c.size)); break;
            case SYMBOL: extends |= kind == SYMBOL && c.point == symbol; break;
            case PAIRED: extends |= kind == PAIRED && characters < 2; break;
            case CLUSTERED: extends |= kind == CLUSTERED && characters < 4; break;
            default: extends = false;
        }
        if (!extends) {
            close(at);
            opened = kind == EXTEND ? static_cast<int>(SYMBOL) : kind;
            symbol = c.point;
            start = at;
            characters = dots = 0;
            alphabetic = false;
        }
        ++characters;
        alphabetic |= (c.properties & ALPHABETIC) != 0;
        before = c.properties;
        if (opened == SYMBOL) {
            words.hashes += c.point == '#';
            words.ellipses += c.point == 0x2026;
            dots = c.point == '.' ? dots + 1 : 0;
            if (dots == 3) {
                ++words.ellipses;
                dots = 0;
            }
        }
        at += c.size;
    }
    close(line.size());
}

// ---- filters/statistics/lines.py ----

struct Span {
    size_t start, end;
};

struct Line {
    string_view whole;     // without its line feed
    string_view text;      // without the blanks at its ends
    size_t offset = 0;     // of `text` in `whole`
    int64_t width = 0, characters = 0, letters = 0, alphanumerics = 0, capitals = 0;
    int64_t blank_words = 0, lettered_words = 0, counted_words = 0, longest_word = 0, unspaced_words = 0, sentences = 0, tokens = 0;
    bool lorem_ipsum = false, javascript = false, policy = false, curly = false;
    Character last{};  // of `text`
    std::vector<Span> citations;  // in `whole`
    bool blank() const { return text.empty(); }
    bool end_mark() const { return !blank() && (last.properties & TERMINAL); }
    int64_t words() const { return std::max(blank_words, unspaced_words); }
};

bool closes(uint32_t point) {
    switch (point) {
        case '"': case '\'': case ')': case ']': case 0x201D: case 0x2019: case 0x300D: case 0x300F: case 0xFF09: return true;
        default: return false;
    }
}

void measure_characters(Line& line) {
    size_t first = 0, last = 0;
    int64_t leading = 0, word = 0;
    bool seen = false, lettered = false;
    for (size_t at = 0; at < line.whole.size();) {
        const Character c = character_at(line.whole, at);
        ++line.width;
        line.letters += (c.properties & ALPHABETIC) != 0;
        line.alphanumerics += (c.properties & ALPHANUMERIC) != 0;
        line.capitals += lowered_points[c.point] != static_cast<int32_t>(c.point);
        if (c.kind() == SPACE) {
            word = 0;
        } else {
            if (!seen) {
                first = at;
                leading = line.width - 1;
                seen = true;
            }
            if (word == 0) {
                ++line.blank_words;
                line.counted_words += (c.properties & ALPHANUMERIC) != 0;
                lettered = false;
            }
            if ((c.properties & ALPHABETIC) && !lettered) {
                ++line.lettered_words;
                lettered = true;
            }
            line.longest_word = std::max(line.longest_word, ++word);
            last = at + c.size;
            line.characters = line.width - leading;
            line.last = c;
        }
        at += c.size;
    }
    line.text = line.whole.substr(first, last - first);
    line.offset = first;
}

// One sentence, and one more after each end mark that a blank (or nothing, after 。 ។ and other scripts') and no lower-case letter follows.
int64_t count_sentences(string_view text) {
    enum { NO, FOR_BLANK, FOR_SENTENCE } waiting = NO;
    int64_t sentences = text.empty() ? 0 : 1, letters = 0;
    for (size_t at = 0; at < text.size();) {
        const Character c = character_at(text, at);
        if (c.kind() == SPACE) {
            if (waiting == FOR_BLANK) waiting = FOR_SENTENCE;
        } else {
            if (waiting == FOR_SENTENCE && !closes(c.point)) {
                sentences += !(c.properties & LOWER);
                waiting = NO;
            }
            if (c.point == '.') waiting = letters == 1 ? NO : FOR_BLANK;
            else if (c.point == '?' || c.point == '!') waiting = FOR_BLANK;
            else if (!closes(c.point)) waiting = (c.properties & TERMINAL) ? FOR_SENTENCE : NO;
        }
        letters = (c.properties & ALPHABETIC) ? letters + 1 : 0;
        at += c.size;
    }
    return sentences;
}

void find_phrases(Line& line) {
    const string lowered = ascii_lower(line.whole);
    line.lorem_ipsum = contains(lowered, "lorem ipsum");
    line.javascript = contains(lowered, "javascript");
    line.curly = contains(lowered, "{");
    for (const char* phrase : {"terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"})
        line.policy = line.policy || contains(lowered, phrase);
}

void find_citations(Line& line) {
    const string_view text = line.whole;
    for (size_t at = text.find('['); at != string_view::npos; at = text.find('[', at + 1)) {
        size_t end = at + 1;
        while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
        if (end < text.size() && text[end] == ']') {
            line.citations.push_back({at, end + 1});
            continue;
        }
        for (const string_view phrase : {string_view("[edit]"), string_view("[citation needed]")})
            if (text.substr(at, phrase.size()) == phrase) line.citations.push_back({at, at + phrase.size()});
    }
}

Line measured_line(string_view whole) {
    Line line;
    line.whole = whole;
    measure_characters(line);
    line.sentences = count_sentences(line.text);
    find_phrases(line);
    find_citations(line);
    return line;
}

std::vector<Line> split_lines(string_view text) {
    std::vector<Line> lines;
    for (size_t at = 0; at < text.size();) {
        const size_t stop = std::min(text.find('\n', at), text.size());
        lines.push_back(measured_line(text.substr(at, stop - at)));
        at = stop + 1;
    }
    return lines;
}

// What a line's tokens add to `words`, and how many there are.
void tokenize_line(Line& line, Words& words) {
    const int64_t tokens = words.tokens, unspaced = words.words - words.spaced_words;
    tokenize(line.text, words);
    line.tokens = words.tokens - tokens;
    line.unspaced_words = words.words - words.spaced_words - unspaced;
}

// ---- filters/statistics/c4.py ----

enum Verdict { KEPT, CUT, DROPPED_LOREM, DROPPED_CURLY };
enum Reading { TFDS, JMLR, DATATROVE };
constexpr int64_t MINIMUM_WORDS[] = {5, 3, 3};

string without_citations(const Line& line) {
    string left;
    size_t at = line.offset;
    for (const Span& citation : line.citations) {
        left += line.whole.substr(at, citation.start - at);
        at = citation.end;
    }
    return left += line.whole.substr(at, line.offset + line.text.size() - at);
}

bool ends_well(string_view text) {
    return !text.empty() && string_view(".?!\"").find(text.back()) != string_view::npos && !ends_with(text, "...");
}

// `left` is the line without its citations, and `line` itself where it has none.
Verdict c4_verdict(const Line& line, const Line& left, Reading reading) {
    const bool ends_in_blank = !line.citations.empty() && left.offset + left.text.size() < left.whole.size();
    const uint32_t mark = left.last.point;
    if (reading != JMLR && line.longest_word > 1000) return CUT;
    if (left.blank()) return CUT;
    if (reading != DATATROVE && ends_in_blank) return CUT;
    if (reading == TFDS && !ends_well(left.text)) return CUT;
    if (reading == JMLR && !left.end_mark() && mark != 0xBB && mark != 0x300D && mark != 0x300F) return CUT;
    if ((reading == DATATROVE ? line : left).words() < MINIMUM_WORDS[reading]) return CUT;
    if (reading != JMLR && left.lorem_ipsum) return DROPPED_LOREM;
    if (left.javascript) return CUT;
    if (reading != JMLR && left.curly) return DROPPED_CURLY;
    return left.policy ? CUT : KEPT;
}

// ---- filters/statistics/refinedweb.py ----

const std::array<string_view, 12> COUNTED = {"likes", "shares", "comments", "retweets", "reposts", "quotes",
                                             "bookmarks", "upvotes", "downvotes", "downloads", "views", "followers"};

bool is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

size_t behind_symbols(string_view text, size_t at) {
    while (at < text.size()) {
        const Character c = character_at(text, at);
        if (c.point == '_' || (c.properties & ALPHANUMERIC)) break;
        at += c.size;
    }
    return at;
}

size_t behind_blanks(string_view text, size_t at) {
    while (at < text.size() && character_at(text, at).kind() == SPACE) at += character_at(text, at).size;
    return at;
}

// Symbols, a number with k, m or b, blanks, a counted word, symbols.
bool is_counter(string_view line) {
    size_t at = behind_symbols(line, 0);
    const size_t number = at;
    while (at < line.size()) {
        const Character c = character_at(line, at);
        if (c.kind() != DIGIT && (at == number || (c.point != ',' && c.point != '.'))) break;
        at += c.size;
    }
    if (at == number) return false;
    if (at < line.size() && string_view("kmb").find(ascii_lower(line[at])) != string_view::npos) ++at;
    const size_t word = behind_blanks(line, at);
    if (word == at) return false;
    at = word;
    while (at < line.size() && is_letter(line[at])) ++at;
    const string counted = ascii_lower(line.substr(word, at - word));
    return std::find(COUNTED.begin(), COUNTED.end(), counted) != COUNTED.end() && behind_symbols(line, at) == line.size();
}

// Where the character before `at` begins.
size_t before(string_view text, size_t at) {
    --at;
    while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
    return at;
}

size_t blank_before(string_view text, size_t at) {
    if (at == 0) return at;
    const size_t begin = before(text, at);
    return character_at(text, begin).kind() == SPACE ? begin : at;
}

int64_t counted_words(string_view text) {
    Line line;
    line.whole = text;
    measure_characters(line);
    return line.counted_words;
}

// The parts of a line that stay; `whole` is false where the rules cut it altogether.
struct Remainder {
    bool whole = true;
    std::vector<Span> cuts;
    int64_t words_cut = 0;
};

Remainder refinedweb_remainder(const Line& line) {
    const Remainder nothing{false, {}, line.counted_words};
    if (2 * line.capitals > line.width) return nothing;
    if (line.whole.empty()) return {};
    if (line.words() < 2 || is_counter(line.whole)) return nothing;
    if (line.blank_words > 10) return {};

    string left(line.whole);
    std::vector<size_t> origin(left.size());
    for (size_t k = 0; k < origin.size(); ++k) origin[k] = k;
    const auto erase = [&](size_t start, size_t end) {
        left.erase(start, end - start);
        origin.erase(origin.begin() + static_cast<std::ptrdiff_t>(start), origin.begin() + static_cast<std::ptrdiff_t>(end));
    };
    for (size_t at = 0; (at = ascii_lower(left).find("items in cart", at)) != string::npos;) {
        const size_t begin = blank_before(left, at);
        erase(begin, at + 13);
        at = begin;
    }
    size_t more = left.size();
    int behind = 0;
    for (; behind < 3 && more > 0; ++behind) more = before(left, more);
    if (behind == 3 && more >= 9 && starts_in_any_case(left, more - 9, "read more")) erase(blank_before(left, more - 9), left.size());
    if (starts_in_any_case(left, 0, "sign-in")) {
        const bool blank = left.size() > 7 && character_at(left, 7).kind() == SPACE;
        erase(0, 7 + (blank ? character_at(left, 7).size : 0));
    }
    if (left.size() == line.whole.size()) return {};
    if (behind_blanks(left, 0) == left.size()) return nothing;
    Remainder remainder;
    origin.push_back(line.whole.size());
    for (size_t k = 0, at = 0; k < origin.size(); at = origin[k++] + 1)
        if (origin[k] > at) remainder.cuts.push_back({at, origin[k]});
    remainder.words_cut = line.counted_words - counted_words(left);
    return remainder;
}

// ---- filters/statistics/repetition.py ----

struct Repeated {
    int64_t items = 0, characters = 0;
};

template <class Key>
Repeated duplicates(const std::vector<std::pair<Key, int64_t>>& items) {
    std::unordered_set<Key> seen;
    seen.reserve(items.size());
    Repeated repeated;
    for (size_t i = 0; i < items.size() && i <= LIMIT; ++i) {
        if (seen.insert(items[i].first).second) continue;
        ++repeated.items;
        repeated.characters += items[i].second;
    }
    return repeated;
}

// A hash table of 64-bit keys: open addressing, at most half full. The standard one makes a node for each key and took twice as long.
class Table {
  public:
    explicit Table(size_t items) {
        size_t slots = 16;
        while (slots < 2 * items) slots *= 2;
        keys_.resize(slots);
        values_.assign(slots, -1);
    }
    // The number under `key`, where -1 stands if it is new.
    int64_t& operator[](uint64_t key) {
        const size_t mask = keys_.size() - 1;
        size_t slot = (key ^ key >> 32) & mask;
        while (values_[slot] >= 0 && keys_[slot] != key) slot = (slot + 1) & mask;
        keys_[slot] = key;
        return values_[slot];
    }

  private:
    std::vector<uint64_t> keys_;
    std::vector<int64_t> values_;
};

// 64 bits of n numbers: two different n-grams of one text meet once in 10^6 texts of 4 million tokens.
uint64_t ngram_hash(const std::vector<uint32_t>& ids, size_t at, size_t n) {
    uint64_t hash = n;
    for (size_t k = 0; k < n; ++k) {
        hash = (hash ^ ids[at + k]) * 0x9E3779B97F4A7C15ull;
        hash ^= hash >> 32;
    }
    return hash;
}

std::array<double, 9> ngram_characters(const std::vector<Token>& tokens) {
    std::array<double, 9> characters{};
    std::unordered_map<string_view, uint32_t> numbers;
    std::vector<uint32_t> ids;
    std::vector<int64_t> ends(1, 0);
    numbers.reserve(tokens.size() / 4);
    ids.reserve(tokens.size());
    ends.reserve(tokens.size() + 1);
    for (const Token& token : tokens) {
        ids.push_back(numbers.try_emplace(token.text, static_cast<uint32_t>(numbers.size())).first->second);
        ends.push_back(ends.back() + token.characters);
    }
    for (size_t n = 2; n <= 4 && n <= ids.size(); ++n) {
        Table numbered(ids.size());
        std::vector<std::pair<int64_t, size_t>> counts;  // occurrences and first position
        for (size_t i = 0; i + n <= ids.size(); ++i) {
            int64_t& number = numbered[ngram_hash(ids, i, n)];
            if (number < 0) {
                number = static_cast<int64_t>(counts.size());
                counts.emplace_back(0, i);
            }
            ++counts[number].first;
        }
        // Of equals, the first.
        const auto most = *std::max_element(counts.begin(), counts.end(), [](auto a, auto b) { return a.first < b.first; });
        characters[n - 2] = static_cast<double>(most.first * (ends[most.second + n] - ends[most.second] + static_cast<int64_t>(n) - 1));
    }
    for (size_t n = 5; n <= 10; ++n) {
        Table seen(ids.size());
        for (size_t i = 0; i + n <= ids.size();) {
            int64_t& number = seen[ngram_hash(ids, i, n)];
            if (number < 0) {
                number = 0;
                ++i;
            } else {
                characters[n - 2] += static_cast<double>(ends[i + n] - ends[i]);
                i += n;
            }
        }
    }
    return characters;
}

// ---- filters/statistics/code.py ----

const std::array<string_view, 5> GENERATED = {
    "auto-generated", "autogenerated", "automatically generated", "generated automatically", "this file is generated"};

void header_marks(string_view text, bool& xml, bool& generated, bool& html) {
    xml = generated = html = false;
    int line = 0, tags = 0;
    for (size_t at = 0; at < std::min<size_t>(text.size(), 1 << 14); ++at) {
        if (text[at] == '\n') {
            ++line;
        } else if (text[at] == '<') {
            xml = xml || (at + 14 <= 100 && starts_in_any_case(text, at, "<?xml version="));
            html = html || (tags < 8 && (starts_in_any_case(text, at, "<!doctype html") || starts_in_any_case(text, at, "<html")));
            ++tags;
        } else if (line < 5) {
            for (const string_view marker : GENERATED) generated = generated || starts_in_any_case(text, at, marker);
        }
    }
}

size_t skip_to(string_view text, size_t at, string_view mark) {
    while (at < text.size() && !starts_in_any_case(text, at, mark)) ++at;
    return at;
}

int64_t visible_characters(string_view text) {
    int64_t visible = 0;
    for (size_t at = 0; at < text.size();) {
        if (text[at] != '<') {
            visible += (static_cast<uint8_t>(text[at]) & 0xC0) != 0x80;
            ++at;
            continue;
        }
        if (starts_in_any_case(text, at, "<!--")) at = skip_to(text, at + 4, "-->");
        else if (starts_in_any_case(text, at, "<script")) at = skip_to(text, at, "</script");
        else if (starts_in_any_case(text, at, "<style")) at = skip_to(text, at, "</style");
        while (at < text.size() && text[at] != '>') ++at;
        ++at;
    }
    return visible;
}

bool is_hexadecimal(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }
bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_base64(char c) { return is_alphanumeric(c) || c == '+' || c == '/' || c == '=' || c == '\n'; }
bool is_word(char c) { return is_alphanumeric(c) || c == '_' || static_cast<uint8_t>(c) >= 0x80; }

size_t hexadecimal_end(string_view text, size_t at) {
    int bytes = 0;
    size_t stop = at;
    while (true) {
        size_t i = stop;
        if (starts_in_any_case(text, i, "0x") || text.substr(i, 2) == "\\x") i += 2;
        if (i + 2 > text.size() || !is_hexadecimal(text[i]) || !is_hexadecimal(text[i + 1])) break;
        i += 2;
        const size_t digits_end = i;
        if (i < text.size() && text[i] == ',') ++i;
        while (i < text.size() && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r')) ++i;
        if (i == digits_end && i < text.size() && is_word(text[i])) break;
        ++bytes;
        stop = i;
        if (i >= text.size()) break;
    }
    return bytes >= 8 ? stop : at;
}

void encoded_bytes(string_view text, int64_t& total, int64_t& longest) {
    total = longest = 0;
    const auto add = [&](size_t run) {
        total += static_cast<int64_t>(run);
        longest = std::max(longest, static_cast<int64_t>(run));
    };
    for (size_t at = 0; at < text.size();) {
        if (text[at] == '\\' || (is_hexadecimal(text[at]) && (at == 0 || !is_word(text[at - 1])))) {
            const size_t stop = hexadecimal_end(text, at);
            if (stop > at) {
                add(stop - at);
                at = stop;
                continue;
            }
        }
        size_t stop = at;
        while (stop < text.size() && is_base64(text[stop])) ++stop;
        if (stop - at >= 64) {
            add(stop - at);
            at = stop;
        } else {
            ++at;
            while (at < stop && is_word(text[at - 1])) ++at;
        }
    }
}

// ---- filters/statistics/measure.py ----

void add_cut(std::vector<int32_t>& spans, size_t first, size_t start, size_t end) {
    if (spans.size() > first && spans.back() == static_cast<int32_t>(start)) {
        spans.back() = static_cast<int32_t>(end);
        return;
    }
    spans.push_back(static_cast<int32_t>(start));
    spans.push_back(static_cast<int32_t>(end));
}

struct LineSet {
    int64_t lines = 0, punctuated = 0, shorts = 0, characters = 0, tokens = 0;
    std::vector<std::pair<string_view, int64_t>> texts;
    void add(const Line& line) {
        const int64_t length = line.characters;
        ++lines;
        punctuated += line.end_mark();
        shorts += length <= 30;
        characters += length;
        tokens += line.tokens;
        texts.emplace_back(line.text, length);
    }
};

void fineweb_signals(const LineSet& set, const Repeated& repeated, double characters, double newlines, double* row) {
    row[0] = share(set.punctuated, set.lines);
    row[1] = share(set.shorts, set.lines);
    row[2] = share(repeated.characters, characters);
    row[3] = share(newlines, set.tokens);
}

// C4's rules over all lines: the spans cut; sentences, lines and dropping lines that are left; for FineWeb the lines that stay. `left` is
// the line without its citations, or the line.
void c4_signals(const std::vector<Line>& lines, const std::vector<const Line*>& left, string_view text, Reading reading,
                std::vector<int32_t>& spans, LineSet& kept, double* row) {
    const size_t first = spans.size();
    for (size_t k = 0; k < lines.size(); ++k) {
        const Line& line = lines[k];
        const size_t start = line.whole.data() - text.data();
        const Verdict verdict = c4_verdict(line, *left[k], reading);
        if (verdict == CUT) {
            add_cut(spans, first, start, std::min(start + line.whole.size() + 1, text.size()));
            continue;
        }
        row[0] += static_cast<double>(left[k]->sentences);
        row[1] += 1;
        if (reading != JMLR) {
            row[2] += verdict == DROPPED_LOREM;
            row[3] += verdict == DROPPED_CURLY;
        }
        for (const Span& citation : line.citations) add_cut(spans, first, start + citation.start, start + citation.end);
        if (reading == DATATROVE) kept.add(*left[k]);
    }
}

// RefinedWeb's rules over all lines: the spans cut; the share of words cut.
double refinedweb_signal(const std::vector<Line>& lines, string_view text, std::vector<int32_t>& spans) {
    const size_t first = spans.size();
    int64_t cut = 0, counted = 0;
    for (const Line& line : lines) {
        const size_t start = line.whole.data() - text.data();
        const Remainder remainder = refinedweb_remainder(line);
        if (!remainder.whole) add_cut(spans, first, start, std::min(start + line.whole.size() + 1, text.size()));
        for (const Span& span : remainder.cuts) add_cut(spans, first, start + span.start, start + span.end);
        cut += remainder.words_cut;
        counted += line.counted_words;
    }
    return share(static_cast<double>(cut), static_cast<double>(counted));
}

std::vector<std::pair<string, int64_t>> split_paragraphs(const std::vector<Line>& lines) {
    std::vector<std::pair<string, int64_t>> paragraphs;
    bool open = false;
    for (const Line& line : lines) {
        if (line.blank()) {
            open = false;
        } else if (!open) {
            paragraphs.emplace_back(line.text, line.characters);
            open = true;
        } else {
            paragraphs.back().first.append("\n").append(line.text);
            paragraphs.back().second += line.characters + 1;
        }
    }
    return paragraphs;
}

void measure(string_view text, std::array<std::vector<int32_t>, 4>& spans, double* row) {
    row[55] = row[56] = NOT_A_NUMBER;
    if (text.empty()) return;
    std::vector<Line> lines = split_lines(text);
    Words words, unused_words;
    LineSet all, kept, unused_set;
    int64_t widths = 0, longest = 0, letters = 0, alphanumerics = 0, blank_words = 0, lettered_words = 0, bullets = 0, ellipses = 0;
    int64_t javascript = 0, policy = 0, lorem_ipsum = 0, curly = 0;
    std::deque<std::pair<string, Line>> uncited;  // a deque: nothing in it moves
    std::vector<const Line*> left;
    for (Line& line : lines) {
        widths += line.width;
        longest = std::max(longest, line.width);
        letters += line.letters;
        alphanumerics += line.alphanumerics;
        blank_words += line.blank_words;
        lettered_words += line.lettered_words;
        left.push_back(&line);
        if (line.blank()) continue;
        tokenize_line(line, words);
        bullets += line.text[0] == '-' || line.text.substr(0, 3) == "•";
        ellipses += ends_with(line.text, "...") || ends_with(line.text, "…");
        javascript += line.javascript;
        policy += line.policy;
        lorem_ipsum += line.lorem_ipsum;
        curly += line.curly;
        all.add(line);
        if (line.citations.empty()) continue;
        auto& [bytes, without] = uncited.emplace_back(without_citations(line), Line{});
        without = measured_line(bytes);
        tokenize_line(without, unused_words);
        left.back() = &without;
    }
    const int64_t newlines = static_cast<int64_t>(lines.size()) - (text.back() != '\n');
    const double characters = static_cast<double>(widths + newlines);
    const auto paragraphs = split_paragraphs(lines);

    row[0] = characters, row[1] = all.lines, row[2] = paragraphs.size(), row[3] = words.tokens, row[4] = words.words;
    row[5] = 2 * words.spaced_words < words.words ? NOT_A_NUMBER : share(words.spaced_characters, words.spaced_words);
    row[6] = share(words.hashes, words.tokens), row[7] = share(words.ellipses, words.tokens);
    row[8] = share(bullets, all.lines), row[9] = share(ellipses, all.lines);
    row[10] = share(words.alphabetic, words.tokens);
    row[11] = static_cast<double>(std::count(words.stop_words.begin(), words.stop_words.end(), true));

    const Repeated repeated_lines = duplicates(all.texts), repeated_paragraphs = duplicates(paragraphs);
    row[12] = share(repeated_lines.items, all.lines), row[14] = share(repeated_lines.characters, characters);
    row[13] = share(repeated_paragraphs.items, paragraphs.size()), row[15] = share(repeated_paragraphs.characters, characters);
    const double looked_at = characters * (static_cast<double>(words.stored.size()) / std::max<double>(1, words.tokens));
    const auto ngrams = ngram_characters(words.stored);
    for (size_t k = 0; k < ngrams.size(); ++k) row[16 + k] = share(ngrams[k], looked_at);

    fineweb_signals(all, repeated_lines, widths, newlines, row + 25);
    c4_signals(lines, left, text, TFDS, spans[0], unused_set, row + 29);
    c4_signals(lines, left, text, JMLR, spans[1], unused_set, row + 33);
    row[35] = lorem_ipsum, row[36] = curly;
    c4_signals(lines, left, text, DATATROVE, spans[2], kept, row + 37);
    fineweb_signals(kept, duplicates(kept.texts), kept.characters, std::max<int64_t>(0, kept.lines - 1), row + 41);
    row[45] = share(lettered_words, blank_words), row[46] = refinedweb_signal(lines, text, spans[3]);

    row[47] = javascript, row[48] = policy;
    row[49] = share(widths, lines.size()), row[50] = longest;
    row[51] = share(alphanumerics, characters), row[52] = share(letters, characters);
    bool xml, generated, html;
    header_marks(text, xml, generated, html);
    row[53] = xml, row[54] = generated;
    if (html) {
        row[56] = static_cast<double>(visible_characters(text));
        row[55] = share(row[56], characters);
    }
    int64_t encoded, longest_run;
    encoded_bytes(text, encoded, longest_run);
    row[57] = static_cast<double>(longest_run), row[58] = share(encoded, static_cast<double>(text.size()));
}

std::vector<char> read_all(const string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

double seconds(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class T>
void write(std::ofstream& file, const std::vector<T>& values) {
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) {
        std::fputs("signals CLASSES LOWER FOLDER OUT\n", stderr);
        return 2;
    }
    const string folder = arguments[3];
    const std::vector<char> table = read_all(arguments[1]), lower = read_all(arguments[2]);
    const std::vector<char> texts = read_all(folder + "/texts.bin"), places = read_all(folder + "/offsets.bin");
    classes.assign(table.begin(), table.end());
    const auto* points = reinterpret_cast<const int32_t*>(lower.data());
    lowered_points.assign(points, points + lower.size() / sizeof(int32_t));
    const auto* offsets = reinterpret_cast<const int64_t*>(places.data());
    const size_t documents = places.size() / sizeof(int64_t) - 1, columns = COLUMNS.size();
    std::vector<float> values(columns * documents);
    std::array<std::vector<int32_t>, 4> ends, spans;
    ends.fill(std::vector<int32_t>(1, 0));

    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    std::vector<double> row(columns);
    for (size_t document = 0; document < documents; ++document) {
        std::fill(row.begin(), row.end(), 0.0);
        measure(string_view(texts.data() + offsets[document], offsets[document + 1] - offsets[document]), spans, row.data());
        for (size_t k = 0; k < columns; ++k) values[k * documents + document] = static_cast<float>(row[k]);
        for (size_t k = 0; k < ends.size(); ++k) ends[k].push_back(static_cast<int32_t>(spans[k].size()));
    }
    const double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall_s = seconds(CLOCK_MONOTONIC) - wall;

    std::ofstream file(arguments[4], std::ios::binary);
    write(file, values);
    for (size_t k = 0; k < ends.size(); ++k) {
        write(file, ends[k]);
        write(file, spans[k]);
    }
    std::printf("{\"cpu_s\": %.9f, \"wall_s\": %.9f, \"columns\": [", cpu_s, wall_s);
    for (size_t k = 0; k < columns; ++k) std::printf("%s\"%s\"", k ? ", " : "", COLUMNS[k].c_str());
    std::fputs("], \"cuts\": [", stdout);
    for (size_t k = 0; k < CUTS.size(); ++k) std::printf("%s\"%s\"", k ? ", " : "", CUTS[k].c_str());
    std::puts("]}");
    return file ? 0 : 1;
}
