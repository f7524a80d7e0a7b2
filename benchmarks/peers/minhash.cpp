// MinHash signatures of filters/duplicates/signature.py as a plain C++17 program, and near-duplicates by them: the limit of the benchmark.
//
//   minhash CLASSES LOWER MULTIPLIERS THRESHOLD FOLDER OUT
//
// In:  CLASSES, one byte per code point as filters.unicode.classes() gives them; LOWER, one int32 each as filters.unicode.lower() does;
//      FOLDER/texts.bin, UTF-8 one after another; FOLDER/offsets.bin, int64 [n + 1]; MULTIPLIERS, what permutations_of() gives, uint32 each:
//      the multipliers, then as many addends.
// Out: OUT, uint32 [n][permutations]; on standard output a line of JSON: CPU-seconds, wall seconds, CPU-seconds by part, and with a
//      THRESHOLD above 0 the documents kept: one of each component of verified pairs, pairs as filters.duplicates.neighbours finds them (14 bands of 8).
//
// Written from the docstrings, the plain way, one thread; vectors are left to the compiler.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

namespace {

constexpr int KIND = 7, PAIRED = 5, WORD = 64;
constexpr uint32_t CODE_POINTS = 0x110000, REPLACEMENT = 0xFFFD, NO_WORDS = 0xFFFFFFFF;
constexpr uint64_t BASE = 0x9E3779B97F4A7C15, OFFSET = 0xCBF29CE484222325, PRIME = 0x100000001B3;
constexpr size_t NGRAM = 5, BANDS = 14, ROWS = 8, BLOCK = 512;

std::vector<uint8_t> classes;
std::vector<int32_t> lowered;

template <typename T>
std::vector<T> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<T> values(bytes.size() / sizeof(T));
    std::copy_n(bytes.data(), values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
    return values;
}

uint64_t mix(uint64_t value) {
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53;
    return value ^ value >> 33;
}

// Length of the UTF-8 sequence at `at`; a byte that begins no valid one is U+FFFD of length 1.
int decode(const uint8_t* at, const uint8_t* end, uint32_t& point) {
    const uint8_t lead = *at;
    point = lead;
    if (lead < 0x80) return 1;
    point = REPLACEMENT;
    const int size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || at + size > end) return 1;
    uint32_t value = lead & (0x7F >> size);
    for (int k = 1; k < size; ++k) {
        if ((at[k] & 0xC0) != 0x80) return 1;
        value = value << 6 | (at[k] & 0x3F);
    }
    if (value >= CODE_POINTS) return 1;
    point = value;
    return size;
}

void words_of(const uint8_t* at, const uint8_t* end, std::vector<uint64_t>& words) {
    words.clear();
    uint64_t code = OFFSET;
    bool open = false;
    const auto close = [&] {
        if (open) words.push_back(mix(code));
        code = OFFSET;
        open = false;
    };
    while (at < end) {
        uint32_t point;
        at += decode(at, end, point);
        const int kind = classes[point];
        const bool alone = (kind & KIND) == PAIRED;
        if (!(kind & WORD) || alone) close();
        if (!(kind & WORD)) continue;
        code = (code ^ static_cast<uint64_t>(lowered[point])) * PRIME;
        open = true;
        if (alone) close();
    }
    close();
}

void shingles_of(const std::vector<uint64_t>& words, uint64_t power, std::vector<uint32_t>& shingles) {
    shingles.clear();
    uint64_t rolling = 0;
    for (size_t k = 0; k < words.size(); ++k) {
        rolling = rolling * BASE + words[k];
        if (k >= NGRAM) rolling -= words[k - NGRAM] * power;
        if (k + 1 >= NGRAM) shingles.push_back(mix(rolling) >> 32);
    }
    if (!words.empty() && words.size() < NGRAM) shingles.push_back(mix(rolling + words.size()) >> 32);
}

void minima_of(const std::vector<uint32_t>& shingles, const uint32_t* multipliers, size_t permutations, uint32_t* minima) {
    std::fill_n(minima, permutations, NO_WORDS);
    for (size_t start = 0; start < shingles.size(); start += BLOCK) {
        const size_t end = std::min(start + BLOCK, shingles.size());
        for (size_t k = 0; k < permutations; ++k) {
            const uint32_t multiplier = multipliers[k], addend = multipliers[permutations + k];
            uint32_t least = minima[k];
            for (size_t j = start; j < end; ++j) least = std::min(least, shingles[j] * multiplier + addend);
            minima[k] = least;
        }
    }
    if (!shingles.empty())
        for (size_t k = 0; k < permutations; ++k) minima[k] = std::min(minima[k], NO_WORDS - 1);
}

uint32_t root(std::vector<uint32_t>& parents, uint32_t node) {
    while (parents[node] != node) node = parents[node] = parents[parents[node]];
    return node;
}

size_t kept(const std::vector<uint32_t>& minima, size_t documents, size_t permutations, double threshold) {
    std::vector<uint32_t> parents(documents);
    std::iota(parents.begin(), parents.end(), 0);
    std::vector<std::pair<uint64_t, uint32_t>> keys;
    for (size_t band = 0; band < BANDS; ++band) {
        keys.clear();
        for (uint32_t k = 0; k < documents; ++k) {
            const uint32_t* rows = &minima[k * permutations + band * ROWS];
            if (rows[0] == NO_WORDS) continue;
            uint64_t key = 0;
            for (size_t row = 0; row < ROWS; ++row) key = mix(key ^ rows[row]) * BASE;
            keys.emplace_back(key, k);
        }
        std::sort(keys.begin(), keys.end());
        for (size_t hub = 0, k = 1; k < keys.size(); ++k) {
            if (keys[k].first != keys[hub].first) {
                hub = k;
                continue;
            }
            const uint32_t *a = &minima[keys[hub].second * permutations], *b = &minima[keys[k].second * permutations];
            size_t equal = 0;
            for (size_t p = 0; p < permutations; ++p) equal += a[p] == b[p];
            const uint32_t x = root(parents, keys[hub].second), y = root(parents, keys[k].second);
            if (equal >= threshold * permutations) parents[std::max(x, y)] = std::min(x, y);
        }
    }
    size_t roots = 0;
    for (uint32_t k = 0; k < documents; ++k) roots += parents[k] == k;
    return roots;
}

double seconds(clock_t from, clock_t to) { return static_cast<double>(to - from) / CLOCKS_PER_SEC; }

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) return 2;
    classes = read<uint8_t>(arguments[1]);
    lowered = read<int32_t>(arguments[2]);
    const std::string folder = arguments[5];
    const auto texts = read<uint8_t>(folder + "/texts.bin");
    const auto offsets = read<int64_t>(folder + "/offsets.bin");
    const auto multipliers = read<uint32_t>(arguments[3]);
    const double threshold = std::stod(arguments[4]);
    const size_t documents = offsets.size() - 1, permutations = multipliers.size() / 2;
    std::vector<uint32_t> minima(documents * permutations), shingles;
    std::vector<uint64_t> words;
    uint64_t power = 1;
    for (size_t k = 0; k < NGRAM; ++k) power *= BASE;
    const auto wall = std::chrono::steady_clock::now();
    const clock_t started = clock();
    for (size_t k = 0; k < documents; ++k) {
        words_of(texts.data() + offsets[k], texts.data() + offsets[k + 1], words);
        shingles_of(words, power, shingles);
        minima_of(shingles, multipliers.data(), permutations, &minima[k * permutations]);
    }
    const clock_t signed_at = clock();
    const size_t left = threshold > 0 ? kept(minima, documents, permutations, threshold) : documents;
    const clock_t ended = clock();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - wall;
    std::ofstream(arguments[6], std::ios::binary).write(reinterpret_cast<const char*>(minima.data()), minima.size() * sizeof(uint32_t));
    std::printf(
        "{\"cpu_s\": %.6f, \"wall_s\": %.6f, \"parts\": {\"signatures\": %.6f, \"neighbours\": %.6f}, \"kept\": {\"kept\": %zu}}\n",
        seconds(started, ended), passed.count(), seconds(started, signed_at), seconds(signed_at, ended), left);
}
