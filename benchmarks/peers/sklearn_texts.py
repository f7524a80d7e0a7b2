"""scikit-learn's hashed words and pairs of words with logistic regression by SGD, in its own environment; see benchmarks/classifiers.py.

    python sklearn_texts.py TRAIN.jsonl HELD_OUT.jsonl LABEL RESULT.json

Both files hold an object a line, `text` and `label`. The result: the probability of LABEL for each held-out text, CPU-seconds of both
steps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline


def read(path: str) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def main() -> None:
    train, held_out, label, result = sys.argv[1:]
    texts, labels = read(train)
    asked, _ = read(held_out)
    model = make_pipeline(HashingVectorizer(ngram_range=(1, 2), lowercase=False), SGDClassifier(loss="log_loss", random_state=0))
    begun = time.process_time()
    model.fit(texts, labels)
    fitted = time.process_time()
    scores = model.predict_proba(asked)[:, list(model.classes_).index(label)].tolist()
    ended = time.process_time()
    Path(result).write_text(json.dumps({"scores": scores, "train_cpu_s": fitted - begun, "score_cpu_s": ended - fitted}))


if __name__ == "__main__":
    main()
