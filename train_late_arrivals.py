"""Trains a small model on the dataset `late_arrivals` and writes its predictions for all splits.

Needs scikit-learn: `pip install 'ml-warehouse[classifier]'`. Then:

    python train_late_arrivals.py
    warehouse diagnose late_arrivals --predictions var/late_arrivals_predictions.parquet
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

from warehouse import load_dataset

KEY, LABEL = "flight_id", "is_late"
CATEGORIES = ["carrier", "origin", "destination"]
NUMBERS = [
    "scheduled_departure_hour",
    "scheduled_elapsed_minutes",
    "departure_delay_minutes",
    "mean_departure_delay_last_hour_minutes",
    "previous_arrival_delay_minutes",
    "wind_speed_miles_per_hour",
    "precipitation_inches",
    "visibility_miles",
]
FEATURES = CATEGORIES + NUMBERS
PREDICTIONS = Path("var/late_arrivals_predictions.parquet")


def main() -> None:
    """Learns from train alone and predicts every split, each row's probability of a late arrival."""
    dataset = load_dataset("late_arrivals")
    train = dataset["train"].collect()
    known = {name: sorted(train[name].drop_nulls().unique()) for name in CATEGORIES}

    def matrix(rows: pl.DataFrame) -> np.ndarray:
        """Numbers as they are, categories by their place among those of train; missing and unknown ones are NaN."""
        codes = [
            pl.col(name).replace_strict(values, range(len(values)), default=None) for name, values in known.items()
        ]
        return rows.with_columns(codes).select(pl.col(FEATURES).cast(pl.Float64).fill_null(np.nan)).to_numpy()

    model = HistGradientBoostingClassifier(
        max_iter=30, learning_rate=0.2, random_state=0, categorical_features=range(len(CATEGORIES))
    )
    model.fit(matrix(train), train[LABEL].to_numpy())

    predicted = [
        rows.select(KEY).with_columns(probability=pl.Series(model.predict_proba(matrix(rows))[:, 1]))
        for rows in (dataset[split].collect() for split in dataset)
    ]
    PREDICTIONS.parent.mkdir(exist_ok=True)
    pl.concat(predicted).write_parquet(PREDICTIONS)
    print(f"wrote {sum(map(len, predicted)):,} predictions of {dataset.name}@{dataset.version.number}: {PREDICTIONS}")


if __name__ == "__main__":
    main()
